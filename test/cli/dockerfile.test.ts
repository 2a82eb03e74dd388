import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { chmod, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import { copy, parseReference } from "@lading/oci";
import { RegistryClient } from "@lading/registry-client";
import { randomImage, startRegistry } from "@lading/testkit";
import { expect, test } from "vitest";
import * as z from "zod";
import { attempt, installed, isRoot, run } from "../interop/command.ts";
import { ladingCommand } from "../interop/lading.ts";
import { type Workspace, workspace } from "./workspace.ts";

const canRun = installed("runc", "busybox", "unshare") && isRoot;

/** What an image holds, as `export` writes it: a path for each line. */
async function filesOf(work: Workspace, place: string): Promise<readonly string[]> {
  const { status, stderr } = await work.lading(["export", place, "files"]);
  expect({ status, stderr: status === 0 ? "" : stderr }).toEqual({ status: 0, stderr: "" });
  const paths = (await run("find", [join(work.path, "files"), "-mindepth", "1", "-printf", "%P\n"])).trim();
  await run("rm", ["-rf", join(work.path, "files")]);
  return paths.split("\n").toSorted();
}

const inspected = z.object({ image: z.object({ config: z.object({ config: z.unknown() }) }) });

async function configOf(work: Workspace, place: string): Promise<unknown> {
  const { stdout } = await work.lading(["inspect", "--json", place]);
  return inspected.parse(JSON.parse(stdout)).image.config.config;
}

/** A server of one text, under every path but those that end in "missing". */
async function serveText(
  text: string | (() => string),
  modified: string,
): Promise<AsyncDisposable & { readonly url: string }> {
  const server = createServer((request, response) => {
    response.statusCode = request.url?.endsWith("missing") === true ? 404 : 200;
    response.setHeader("last-modified", modified).end(typeof text === "string" ? text : text());
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: async () => {
      server.close();
      await once(server, "close");
    },
  };
}

function sum(text: string): string {
  return "sha256:" + createHash("sha256").update(text).digest("hex");
}

const path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

test("a file on a base, word for word", async () => {
  await using registry = await startRegistry();
  await using client = await RegistryClient.open();
  const base = await randomImage({ layers: 1 });
  const repository = client.repository(parseReference(`${registry.host}/library/nginx`));
  await copy(base.source, repository, base.descriptor);
  await repository.tag(base.descriptor, "alpine");
  await using work = await workspace({
    Dockerfile: "FROM nginx:alpine\nCOPY index.html /usr/share/nginx/html/index.html\n",
    "index.html": "hello\n",
    "registries.conf": `[[registry]]\nprefix = "docker.io"\nlocation = "${registry.host}"\ninsecure = true\n`,
  });

  const built = await work.lading(["build", "-q", "-o", "oci:out", "--registries-conf", "registries.conf"]);
  expect(built).toMatchObject({ status: 0, stderr: "" });
  expect(await filesOf(work, "oci:out")).toContain("usr/share/nginx/html/index.html");
});

test.runIf(installed("busybox", "xz"))("an archive on nothing, word for word", async () => {
  await using work = await workspace({
    Dockerfile: 'FROM scratch\nADD busybox.tar.xz /\nCMD ["sh"]\n',
    "root/etc/hostname": "box\n",
  });
  await symlink("usr/bin", join(work.path, "root/bin"));
  execFileSync("tar", ["-C", join(work.path, "root"), "-cJf", join(work.path, "busybox.tar.xz"), "."]);

  expect(await work.lading(["build", "-q", "-o", "oci:out"])).toMatchObject({ status: 0, stderr: "" });
  expect(await filesOf(work, "oci:out")).toEqual(["bin", "etc", "etc/hostname"]);
  expect(await configOf(work, "oci:out")).toEqual({ Env: [path], Cmd: ["sh"] });
});

test("stages, arguments, contexts and ignore files are as docker has them", async () => {
  await using work = await workspace({
    "build/app.Dockerfile": `ARG FROM=scratch
FROM $FROM AS files
ARG NAME=none
WORKDIR /srv/$NAME
COPY --chown=5:6 --chmod=u=rw,go= . .
COPY --from=extra one.txt /extra/
FROM scratch
COPY --from=files /srv /srv
COPY --from=files /extra/one.txt /
COPY <<EOF /greeting
hello
EOF
LABEL a=1
USER 1000
EXPOSE 80 53/udp
HEALTHCHECK --interval=5s CMD ["true"]
ENTRYPOINT ["/srv/app"]
FROM nowhere.example/never AS unused
`,
    "build/app.Dockerfile.dockerignore": "*\n!app\n",
    app: "x",
    secret: "y",
    "../extra/one.txt": "1",
  });
  const flags = ["--build-arg", "NAME=web", "--build-context", "extra=../extra", "--target", "1"];

  const built = await work.lading(["build", "-q", "-f", "build/app.Dockerfile", "-o", "oci:out", ...flags]);
  expect(built).toMatchObject({ status: 0, stderr: "" });
  expect(await filesOf(work, "oci:out")).toEqual(["greeting", "one.txt", "srv", "srv/web", "srv/web/app"]);
  expect(await configOf(work, "oci:out")).toEqual({
    Env: [path],
    Labels: { a: "1" },
    User: "1000",
    ExposedPorts: { "80/tcp": {}, "53/udp": {} },
    Healthcheck: { Test: ["CMD", "true"], Interval: 5e9 },
    Entrypoint: ["/srv/app"],
  });
});

test.runIf(canRun)(
  "RUN makes a layer, is run again only when something that goes in is other, and fails by its line",
  async () => {
    await using work = await workspace();
    await withShell(work);
    const dockerfile = `FROM scratch
COPY root /bin/
ARG WHO=world
RUN echo "hello $WHO" > /made && mkdir /d && echo d > /d/f
RUN --mount=type=secret,id=token cp /run/secrets/token /copied; rm /d/f
`;
    await work.write({ Dockerfile: dockerfile, token: "t" });
    const env = { LADING_ROOT: join(work.path, "state") };
    const flags = ["-q", "-o", "oci:out", "--secret", "id=token,src=token"];
    const build = async (...more: string[]) => await work.lading(["build", ...flags, ...more], env);

    const first = await build();
    expect(first).toMatchObject({ status: 0, stderr: "" });
    const files = await filesOf(work, "oci:out");
    expect(files).toEqual(expect.arrayContaining(["bin/sh", "copied", "d", "made"]));
    expect(files).not.toContain("d/f");
    expect(await build()).toEqual(first);
    expect((await build("--build-arg", "WHO=you")).stdout).not.toBe(first.stdout);
    expect((await work.lading(["build", "--dry-run"])).stdout).toContain("known when it has run");
    const { images } = JSON.parse((await work.lading(["build", "--dry-run", "--json"])).stdout);
    expect(images).toMatchObject([{ layers: [{ entries: [{}, {}] }, { unknown: true }, { unknown: true }] }]);

    await work.write({ Dockerfile: `${dockerfile}RUN exit 7\n` });
    const failed = await build();
    expect(failed).toMatchObject({ status: 1, stdout: "" });
    expect(failed.stderr).toContain('"/bin/sh -c exit 7": it ended with code 7\n  --> Dockerfile:6:1\n');
  },
);

/** A context whose `root` has a shell, for images FROM scratch. */
async function withShell(work: Workspace): Promise<void> {
  await mkdir(join(work.path, "root"));
  const busybox = (await run("sh", ["-c", "command -v busybox"])).trim();
  await writeFile(join(work.path, "root/sh"), await readFile(busybox));
  await chmod(join(work.path, "root/sh"), 0o755);
}

test.runIf(canRun)(
  "a bind mount has what COPY would take: an ignored file is neither seen nor a reason to run again",
  async () => {
    await using work = await workspace({
      Dockerfile: `FROM scratch
COPY root /bin/
RUN --mount=type=bind,target=/m --mount=type=bind,source=src/a,target=/a,rw cd /m && echo lost > /a && for i in *; do echo "$i $(echo $i/*)"; done > /seen
RUN --mount=type=bind,from=extra,source=sub,target=/m while read -r line; do echo "$line"; done < /m/b > /other; [ ! -e /m/c ]
`,
      ".dockerignore": "secret\nsrc/hidden\n*.tar\n",
      secret: "hush",
      "src/a": "a\n",
      "src/hidden": "x",
      "../extra/.dockerignore": "**/c\n",
      "../extra/sub/b": "b\n",
      "../extra/sub/c": "c",
    });
    await withShell(work);
    const env = { LADING_ROOT: join(work.path, "../state") };
    const build = async (): ReturnType<Workspace["lading"]> =>
      await work.lading(["build", "-q", "-o", "oci-archive:out.tar", "--build-context", "extra=../extra"], env);
    const text = async (path: string): Promise<string> =>
      await run("sh", ["-c", `${ladingCommand} export oci-archive:out.tar - | tar -xOf - ${path}`], { cwd: work.path });

    const first = await build();
    expect(first).toMatchObject({ status: 0, stderr: "" });
    expect(await text("seen")).toBe("Dockerfile Dockerfile/*\nroot root/sh\nsrc src/a\n");
    expect(await text("other")).toBe("b\n");
    expect(await work.read("src/a")).toBe("a\n");

    await work.write({ secret: "other", "../extra/sub/c": "other" });
    expect(await build()).toEqual(first);
    // Of a folder that stands for a name, what is in it counts as well.
    await work.write({ "../extra/sub/b": "bb\n" });
    expect((await build()).stdout).not.toBe(first.stdout);
    expect(await text("other")).toBe("bb\n");
  },
);

test.runIf(canRun)(
  "a trigger of a base that runs a program is run, though the Dockerfile itself has no RUN",
  async () => {
    await using work = await workspace({
      "base.Dockerfile": "FROM scratch\nCOPY root /bin/\nONBUILD COPY app /\nONBUILD RUN echo ran > /made\n",
      Dockerfile: "FROM base\n",
      app: "x",
    });
    await withShell(work);
    const env = { LADING_ROOT: join(work.path, "../state") };
    expect(await work.lading(["build", "-q", "-f", "base.Dockerfile", "-o", "oci:base"])).toMatchObject({ status: 0 });
    const flags = ["-q", "-o", "oci:out", "--build-context", "base=oci:base"];
    expect(await work.lading(["build", ...flags], env)).toMatchObject({ status: 0, stderr: "" });
    expect(await filesOf(work, "oci:out")).toEqual(expect.arrayContaining(["app", "made"]));
  },
);

/** Waits for the other, twenty seconds at most. */
function meet(own: string, other: string): string {
  const wait = `for i in $(seq 200); do [ -e /m/${other} ] && exit 0; sleep 0.1; done; exit 9`;
  return `RUN --mount=type=cache,target=/m touch /m/${own}; ${wait}`;
}

test.runIf(canRun)("RUN steps of two stages run at the same time, and not when they lock what they share", async () => {
  await using work = await workspace();
  await withShell(work);
  const alone = `RUN --mount=type=cache,target=/own,sharing=locked mkdir /own/mine && echo $$ > /made && sleep 0.1 && rmdir /own/mine`;
  await work.write({
    Dockerfile: `FROM scratch AS base
COPY root /bin/
FROM base AS a
${meet("a", "b")}
${alone}
FROM base AS b
${meet("b", "a")}
${alone} && touch /made-too
FROM base
COPY --from=a /made /a
COPY --from=b /made /made-too /b/
`,
  });
  const env = { LADING_ROOT: join(work.path, "state") };
  const built = await work.lading(["build", "--progress=plain", "-o", "oci:out"], env);
  expect(built).toMatchObject({ status: 0 });
  expect(built.stderr).toMatch(/^\[a\] RUN --mount=type=cache,target=\/m touch \/m\/a;.*: \d/m);
  expect(await filesOf(work, "oci:out")).toEqual(expect.arrayContaining(["a", "b/made", "b/made-too"]));
});

test.each([
  ["FROM scratch\nCOPI a /\n", "Dockerfile:2:1", "Did you mean COPY?"],
  ["FROM scratch\nCOPY nothing /\n", "Dockerfile:2:1", 'Cannot find "nothing"'],
  [
    "FROM scratch\nCOPY --from=late a /\nFROM scratch AS late\nCOPY --from=0 /x /y\n",
    "Dockerfile:2:13",
    "not above this one",
  ],
  ["FROM scratch\nCOPY app /\nEXPOSE 99999\n", "Dockerfile:3:8", "99999"],
  ["FROM scratch\nCOPY --chmod=9 app /\n", "Dockerfile:2:", "9"],
  ["FROM $NONE\nCOPY app /\n", "Dockerfile:1:6", "comes to nothing"],
  ["FROM scratch\nADD git@example.com:x/y.git /\n", "Dockerfile:2:5", "git repository"],
  ["FROM scratch\nCOPY *.none /\n", "Dockerfile:2:1", "matches nothing"],
])("%j is told with its line, and nothing is written", async (text, place, message) => {
  await using work = await workspace({ Dockerfile: text, app: "x" });
  const { status, stdout, stderr } = await work.lading(["build"]);
  expect(stderr).toContain(`--> ${place}`);
  expect(stderr).toContain(message);
  // As of a lading.yaml: 2 for what is written wrong, 1 for what is not there.
  const isMissing = /Cannot find|matches nothing/.test(message);
  expect({ status, stdout }).toEqual({ status: isMissing ? 1 : 2, stdout: "" });
  expect(await work.names()).toEqual(["Dockerfile", "app"]);
});

test("ADD fetches a file, keeps its time, and holds it to its checksum", async () => {
  await using server = await serveText("fetched\n", "Thu, 01 Jan 2026 00:00:00 GMT");
  const expected = sum("fetched\n");
  await using work = await workspace({
    Dockerfile: `FROM scratch\nADD --checksum=${expected} ${server.url}/a/file.txt /x/\n`,
  });
  expect(await work.lading(["build", "-q", "-o", "oci:out"])).toMatchObject({ status: 0, stderr: "" });
  expect(await filesOf(work, "oci:out")).toEqual(["x", "x/file.txt"]);

  await work.write({ Dockerfile: `FROM scratch\nADD --checksum=sha256:${"0".repeat(64)} ${server.url}/file.txt /\n` });
  const other = await work.lading(["build", "-q", "-o", "oci:other"]);
  expect(other).toMatchObject({ stdout: "" });
  expect(other.stderr).toContain(expected);
  await work.write({ Dockerfile: `FROM scratch\nADD ${server.url}/missing /\n` });
  expect((await work.lading(["build", "-q", "-o", "oci:other"])).stderr).toContain("404");
  expect((await work.lading(["build", "-q", "-o", "oci:other", "--offline"])).status).not.toBe(0);
  expect(await work.names()).toEqual(["Dockerfile", "out"]);
});

test("lock keeps what ADD fetches, and a build refuses what is other", async () => {
  let text = "one\n";
  await using server = await serveText(() => text, "Thu, 01 Jan 2026 00:00:00 GMT");
  const dockerfile = `FROM scratch\nADD ${server.url}/file.txt /\n`;
  await using work = await workspace({ Dockerfile: dockerfile });
  const build = async (...flags: string[]): ReturnType<Workspace["lading"]> =>
    await work.lading(["build", "-q", "-o", "oci:out", ...flags]);

  expect((await work.lading(["lock"])).stderr).toContain(`added ${server.url}/file.txt: ${sum("one\n")}`);
  expect(await build("--locked")).toMatchObject({ status: 0, stderr: "" });
  text = "two\n";
  // What is locked and in the cache is asked of nobody.
  expect(await build("--locked")).toMatchObject({ status: 0, stderr: "" });
  const drift = await build("--locked", "--no-cache");
  expect(drift).toMatchObject({ status: 1, stdout: "" });
  expect(drift.stderr).toContain(`it is ${sum("two\n")} now, and lading.lock says ${sum("one\n")}`);
  expect(drift.stderr).toContain("--> Dockerfile:2:5");
  expect((await work.lading(["lock", "--check"])).status).toBe(1);
  expect((await work.lading(["lock", "--update"])).stderr).toContain(`moved ${server.url}/file.txt`);
  expect(await build("--locked")).toMatchObject({ status: 0 });

  await work.write({ Dockerfile: `${dockerfile}ADD ${server.url}/more.txt /\n` });
  expect((await build("--locked")).stderr).toContain("lading.lock does not have it");
  await work.write({ Dockerfile: `${dockerfile}ADD --checksum=${sum(text)} ${server.url}/more.txt /\n` });
  expect(await build("--locked")).toMatchObject({ status: 0, stderr: "" });
});

test("--check tells what is doubtful, by line and rule, and builds nothing", async () => {
  await using work = await workspace({ Dockerfile: "FROM scratch as App\nMAINTAINER me\nCOPY Dockerfile /\n" });
  const { status, stdout, stderr } = await work.lading(["build", "--check"]);
  expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
  expect(stderr).toContain("warning: StageNameCasing");
  expect(stderr).toContain("warning: MaintainerDeprecated");
  expect(stderr).toContain("--> Dockerfile:2:1");
  expect(await work.names()).toEqual(["Dockerfile"]);

  await work.write({ Dockerfile: "FROM scratch AS app\nCOPY Dockerfile /\n" });
  expect(await work.lading(["build", "--check", "-q"])).toEqual({ status: 0, stdout: "", stderr: "" });
});

test("a Dockerfile may come on standard input, and --build-arg takes the environment's value", async () => {
  await using work = await workspace({ app: "x" });
  const text = "FROM scratch\nARG WHO\nARG NOBODY=none\nCOPY app /\nLABEL who=$WHO nobody=$NOBODY\n";
  const flags = ["build", "-q", "-f", "-", "-o", "oci:out", "--build-arg", "WHO", "--build-arg", "NOBODY"];
  const env = { LADING_CACHE_DIR: work.cache, WHO: "me", NOBODY: undefined, SOURCE_DATE_EPOCH: undefined };
  const options = { cwd: work.path, env, input: Buffer.from(text) };
  expect(await attempt(ladingCommand, flags, options)).toMatchObject({ status: 0, stderr: "" });
  expect(await configOf(work, "oci:out")).toMatchObject({ Labels: { who: "me", nobody: "none" } });

  const wrong = await attempt(ladingCommand, flags, { ...options, input: Buffer.from("FROM scratch\nCOPI a /\n") });
  expect(wrong).toMatchObject({ status: 2, stdout: "", stderr: expect.stringContaining("--> -:2:1") });
  expect((await work.lading(["build", "--watch", "-f", "-"])).stderr).toContain("comes once");
});

test("a build tells of arguments that nothing takes and of secrets, and heeds check=error=true and skip", async () => {
  await using work = await workspace({
    Dockerfile: "FROM scratch\nARG VERSION\nENV API_TOKEN=x\nCOPY app /\n",
    app: "x",
    ".dockerignore": "hidden\n",
  });
  const build = async (...flags: string[]): ReturnType<Workspace["lading"]> =>
    await work.lading(["build", "--progress=plain", "-o", "oci:out", ...flags]);
  const built = await build("--build-arg", "VERSON=1", "--build-arg", "HTTP_PROXY=x", "--build-arg", "BUILDKIT_X=1");
  expect(built.status).toBe(0);
  expect(built.stderr.match(/^warning: .*/gm)).toEqual([
    expect.stringContaining("Dockerfile:3: ENV API_TOKEN looks like a secret"),
    'warning: No ARG takes the build argument "VERSON": did you mean "VERSION"?',
  ]);

  await work.write({ Dockerfile: "# check=error=true\nFROM scratch\nCOPY app /\nMAINTAINER me\n" });
  const refused = await build();
  expect(refused).toMatchObject({ status: 2, stdout: "" });
  expect(refused.stderr).toContain("error: MaintainerDeprecated");
  expect(refused.stderr).toContain("--> Dockerfile:4:1");
  await work.write({
    Dockerfile: "# check=error=true;skip=MaintainerDeprecated\nFROM scratch\nCOPY app /\nMAINTAINER me\n",
  });
  expect((await build()).status).toBe(0);

  await work.write({ Dockerfile: "FROM scratch\nCOPY hidden /\n" });
  const checked = await work.lading(["build", "--check"]);
  expect(checked.status).toBe(1);
  expect(checked.stderr).toContain("CopyIgnoredFile");
});

test("a stage that is not there is told with the nearest", async () => {
  await using work = await workspace({ Dockerfile: "FROM scratch AS builder\nCOPY Dockerfile /\n" });
  const { status, stderr } = await work.lading(["build", "--target", "bulder"]);
  expect({ status, stderr }).toEqual({ status: 2, stderr: expect.stringContaining("Did you mean builder?") });
});
