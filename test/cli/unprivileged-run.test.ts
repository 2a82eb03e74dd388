import { readFileSync } from "node:fs";
import { chmod, cp, mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { isReachable, makeUser, type UnprivilegedUser } from "../engines/unprivileged-user.ts";
import { installed, isRoot, run } from "../interop/command.ts";
import { ladingCommand, writeFiles } from "../interop/lading.ts";
import { workspace } from "./workspace.ts";

/*
 * RUN by somebody who is not root: `lading build` finds its way into a user namespace by itself.
 */

const canBe = isRoot && installed("runc", "busybox", "newuidmap", "useradd", "setpriv", "unshare");
const patience = 60_000; // milliseconds

interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface Builder extends AsyncDisposable {
  readonly user: UnprivilegedUser;
  /** A folder of the user's with a shell in `root`. */
  readonly work: string;
  readonly lading: (args: readonly string[], env?: readonly string[]) => Promise<Ended>;
  readonly sh: (script: string) => Promise<Ended>;
}

async function builder(
  files: Readonly<Record<string, string>>,
  options: Parameters<typeof makeUser>[0] = {},
): Promise<Builder> {
  expect(isReachable(import.meta.dirname)).toBe(true);
  const user = await makeUser(options);
  const work = join(user.home, "work");
  await writeContext(work, files);
  await run("chown", ["-R", `${user.name}:`, work]);
  return {
    user,
    work,
    lading: async (args, env = []) => await user.attempt("env", [...env, ladingCommand, ...args], { cwd: work }),
    sh: async (script) => await user.attempt("bash", ["-c", script], { cwd: work }),
    [Symbol.asyncDispose]: () => user[Symbol.asyncDispose](),
  };
}

async function writeContext(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
  await mkdir(join(folder, "root"), { recursive: true });
  await cp((await run("sh", ["-c", "command -v busybox"])).trim(), join(folder, "root/sh"));
  await chmod(join(folder, "root/sh"), 0o755);
  await writeFiles(folder, files);
}

/** Paths of an image with mode and owner, as tar lists them. */
async function listing({ sh }: Builder, place: string): Promise<readonly string[]> {
  const { status, stdout } = await sh(`${ladingCommand} export ${place} - | tar --list --verbose --numeric-owner`);
  expect(status).toBe(0);
  return stdout
    .trim()
    .split("\n")
    .map((line) => line.replace(/^(\S+) (\S+) +\S+ \S+ \S+ /, "$1 $2 "))
    .toSorted();
}

const owners = `FROM scratch
COPY root /bin/
COPY --chown=7:8 own /srv/
RUN mkdir /d && chown 1000:50 /d && echo x > /s && chmod 4755 /s && ln /s /t && echo y >> /srv/own
USER 1000:50
RUN --mount=type=secret,id=key,uid=1000 id -u > /d/id && cat /run/secrets/key > /d/key
`;

test.runIf(canBe)("RUN without root makes the image that root makes, byte by byte", { timeout: patience }, async () => {
  const files = { Dockerfile: owners, own: "own\n" };
  await using root = await workspace();
  await writeContext(root.path, files);
  const env = { LADING_ROOT: join(root.path, "state"), SOURCE_DATE_EPOCH: "1" };
  const byRoot = await root.lading(["build", "-q", "-o", "oci:out", "--secret", "id=key,src=own"], env);
  expect(byRoot).toMatchObject({ status: 0, stderr: "" });

  await using user = await builder(files);
  const flags = ["build", "-q", "-o", "oci:out", "--secret", "id=key,src=own"];
  expect(await user.lading(flags, ["SOURCE_DATE_EPOCH=1"])).toEqual(byRoot);
  // And where a lading.yaml names the Dockerfile.
  expect(await user.lading(["init"])).toMatchObject({ status: 0, stdout: "lading.yaml\n" });
  expect(await user.lading(flags, ["SOURCE_DATE_EPOCH=1"])).toEqual(byRoot);
  expect(await listing(user, "oci:out")).toEqual(
    expect.arrayContaining([
      "-rw-r--r-- 7/8 srv/own",
      "-rwsr-xr-x 0/0 s",
      "drwxr-xr-x 1000/50 d/",
      "-rw-r--r-- 1000/50 d/id",
      "hrwsr-xr-x 0/0 t link to s",
    ]),
  );
  // What it wrote is the user's own, and nothing of the steps is left.
  const { stdout } = await user.sh("find . ~/.cache ! -user $USER; ls ~/.local/share/lading/build/steps");
  expect(stdout).toBe("");
});

test.runIf(canBe)(
  "RUN without root and without other ids is told of, keeps owners, and says what it cannot do",
  { timeout: patience },
  async () => {
    await using user = await builder(
      {
        Dockerfile: `FROM scratch
COPY root /bin/
COPY --chown=7:8 --chmod=4711 own /own
RUN --mount=type=secret,id=key,uid=5 echo y >> /own; touch /new; sh -c 'cat /run/secrets/key > /new'
`,
        own: "own\n",
      },
      { subordinateIds: false },
    );
    const build = async (): Promise<Ended> =>
      await user.lading(["build", "--progress=none", "-o", "oci:out", "--secret", "id=key,src=own"]);
    const built = await build();
    expect(built).toMatchObject({ status: 0 });
    expect(built.stderr).toMatch(/^warning: .* there are no more ids to map, since \/etc\/subuid and \/etc\/subgid/);
    expect(await listing(user, "oci:out")).toEqual(
      expect.arrayContaining(["-rw-r--r-- 0/0 new", "-rwx--x--x 7/8 own"]),
    );

    await user.sh("echo 'RUN chown 5 /new' >> Dockerfile");
    const refused = await build();
    expect(refused).toMatchObject({ status: 1, stdout: "" });
    expect(refused.stderr).toContain("or ids but root's (subuid(5) gives more)");
    await user.sh("sed -i '$d' Dockerfile; printf 'USER 5\\nRUN true\\n' >> Dockerfile");
    expect((await build()).stderr).toContain('Cannot run as user "5" (5:0): there is one id here');
  },
);

test.runIf(canBe)(
  "RUN without root takes a Dockerfile from standard input and secrets from descriptors",
  { timeout: patience },
  async () => {
    await using user = await builder({
      "in.Dockerfile": "FROM scratch\nCOPY root /bin/\nRUN --mount=type=secret,id=a cp /run/secrets/a /a\n",
    });
    const flags = "build -q -f - -o oci:out --secret id=a,src=<(echo hush)";
    expect(await user.sh(`${ladingCommand} ${flags.replace("-f -", "-f in.Dockerfile")}`)).toMatchObject({
      status: 0,
      stderr: "",
    });
    expect(await user.sh(`${ladingCommand} export oci:out - | tar -xOf - a`)).toMatchObject({ stdout: "hush\n" });
    const secret = "--secret id=a,src=in.Dockerfile";
    expect(
      await user.sh(`${ladingCommand} build -q -f - -o oci:two ${secret} < in.Dockerfile && ls two`),
    ).toMatchObject({ status: 0, stderr: "" });
  },
);

test.runIf(canBe)("bases that were unpacked without root are listed, and cleared", { timeout: patience }, async () => {
  await using user = await builder({
    "base/Dockerfile": "FROM scratch\nCOPY root /bin/\nCOPY --chown=9:9 --chmod=700 Dockerfile /closed/\n",
    Dockerfile:
      "FROM base\nRUN --mount=type=cache,target=/keep mkdir -m 700 /keep/x; chown 5 /keep/x; echo y > /keep/y\n",
  });
  await user.sh("cp -r root base/");
  expect(await user.lading(["build", "-q", "base", "-o", "oci:base-image"])).toMatchObject({ status: 0 });
  const flags = ["-q", "-o", "oci:out", "--build-context", "base=oci:base-image"];
  expect(await user.lading(["build", ...flags])).toMatchObject({ status: 0, stderr: "" });
  const places = "~/.cache/lading/mounts ~/.local/share/lading/build/ids-*/trees";
  expect((await user.sh(`find ${places} -mindepth 1 -maxdepth 1 | wc -l`)).stdout).toBe("3\n");

  const listed = await user.lading(["cache", "--json"]);
  expect(JSON.parse(listed.stdout)).toMatchObject({ baseFolders: 2, mounts: 1 });
  expect(await user.lading(["cache", "clear"])).toMatchObject({ status: 0, stderr: "" });
  expect(JSON.parse((await user.lading(["cache", "--json"])).stdout)).toMatchObject({
    blobs: 0,
    baseFolders: 0,
    baseBytes: 0,
    mounts: 0,
  });
  expect((await user.sh(`find ${places} -mindepth 1 -maxdepth 1`)).stdout).toBe("");
});

test.runIf(canBe)("a plan, and a build without RUN, take no user namespace", { timeout: patience }, async () => {
  await using user = await builder({
    Dockerfile: "FROM scratch\nCOPY root /bin/\nRUN true\n",
    "plain.Dockerfile": "FROM scratch\nCOPY root /bin/\n",
  });
  // Somebody in a namespace in which nobody makes another, as in many containers.
  const without = 'echo 0 > /proc/sys/user/max_user_namespaces && exec setpriv --reuid 1 "$@"';
  const lading = async (...args: readonly string[]): Promise<Ended> =>
    await user.sh(
      `chmod 755 ~ && chmod 777 . && export LADING_CACHE_DIR=$PWD/cache LADING_ROOT=$PWD/state &&
      unshare --user --map-root-user --map-auto sh -c '${without}' sh ${ladingCommand} ${args.join(" ")}`,
    );
  expect(await lading("build", "--dry-run")).toMatchObject({ status: 0, stderr: "" });
  expect(await lading("build", "-q", "-f", "plain.Dockerfile", "-o", "oci:plain")).toMatchObject({ status: 0 });
  const refused = await lading("build", "-q", "-o", "oci:out");
  expect(refused).toMatchObject({ status: 1, stdout: "" });
  expect(refused.stderr).toMatch(
    /^error: Cannot make a user namespace, which takes the place of root: unshare: .*\nhint: Allow them/,
  );
});

test.runIf(canBe && installed("podman", "slirp4netns"))(
  "what RUN without root made is given to the user's own podman",
  { timeout: patience },
  async () => {
    await using user = await builder({
      Dockerfile: `FROM scratch\nCOPY root /bin/\nRUN touch /made && chown 5:6 /made\nCMD ["sh", "-c", "stat -c %u:%g /made"]\n`,
    });
    const built = await user.lading(["build", "-q", "-t", "made:1", "--load", "podman"]);
    expect(built).toMatchObject({ status: 0, stderr: "" });
    expect(await user.lading(["run", "--rm", "--network", "none", "made:1"])).toMatchObject({ stdout: "5:6\n" });
  },
);

test.runIf(canBe)("Ctrl-C and SIGKILL end what RUN without root began", { timeout: patience }, async () => {
  await using user = await builder({
    Dockerfile: "FROM scratch\nCOPY root /bin/\nRUN echo begun; sleep 8642\n",
  });
  for (const [signal, expected] of [
    ["INT", "130"],
    ["KILL", "137"],
  ] as const) {
    const script = `
      ${ladingCommand} build --progress=plain -o oci:out 2>log & pid=$!
      until grep -q '^begun' log; do sleep 0.1; done
      kill -${signal} $pid; wait $pid; echo $?
      for i in $(seq 100); do ps ax | grep -q '[s]leep 8642' || break; sleep 0.1; done
      ps ax | grep -c '[s]leep 8642'; ls oci:out out 2>/dev/null
      rm log`;
    expect((await user.sh(script)).stdout).toBe(`${expected}\n0\n`);
  }
  const steps = join(user.user.home, ".local/share/lading/build/steps");
  // The one that was killed could not clean up: the next one does.
  expect((await readdir(steps)).length).toBe(1);
  await writeFile(join(user.work, "Dockerfile"), "FROM scratch\nCOPY root /bin/\nRUN true\n");
  expect(await user.lading(["build", "-q", "-o", "oci:out"])).toMatchObject({ status: 0 });
  expect(await readdir(steps)).toEqual([]);
  expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain(user.user.home);
});
