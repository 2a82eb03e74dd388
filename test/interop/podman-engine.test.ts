import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import {
  createContainer,
  FactsStore,
  importImage,
  PodmanEngine,
  type PodmanOptions,
  probePodman,
} from "@lading/runner";
import { outputOf, probeImage, temporaryFolder } from "@lading/testkit";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { isReachable, makeUser } from "../engines/unprivileged-user.ts";
import { installed, isRoot } from "./command.ts";

const isHere = isRoot && installed("podman", "runc", "conmon", "busybox");
// Other processes have work as well.
const patience = { timeout: 60_000 };

/** A store, a state folder and a place for services of its own; what is left of them goes in the end. */
async function makePlace(): Promise<{ readonly options: PodmanOptions; readonly path: string } & AsyncDisposable> {
  const folder = await temporaryFolder();
  const at = (name: string): string => join(folder.path, name);
  await mkdir(at("run"), { mode: 0o700 });
  await mkdir(at("net"));
  const store = [
    "--root",
    at("store"),
    "--runroot",
    at("runroot"),
    "--tmpdir",
    at("tmp"),
    "--network-config-dir",
    at("net"),
  ];
  const { CONTAINER_HOST: _host, ...env } = process.env;
  return {
    path: folder.path,
    options: { root: at("state"), flags: store, env: { ...env, XDG_RUNTIME_DIR: at("run") } },
    async [Symbol.asyncDispose]() {
      for (const pid of processesWith(folder.path)) process.kill(pid, "SIGKILL");
      while (processesWith(folder.path).length > 0) await delay(20);
      for (const mount of mountsBelow(folder.path)) execFileSync("umount", [mount]);
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** Those that serve from a store in that folder: others have theirs. */
function servicesOf(folder: string): readonly number[] {
  return processesWith(folder).filter((pid) => commandOf(`${pid}`).includes("system service"));
}

function processesWith(text: string): readonly number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => commandOf(pid).includes(text))
    .map(Number);
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
  } catch {
    return "";
  }
}

function mountsBelow(folder: string): readonly string[] {
  return readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[1] ?? "")
    .filter((path) => path.startsWith(`${folder}/`))
    .toReversed();
}

/** Runs a shell's program in a container of the probe image. */
async function run(
  engine: PodmanEngine,
  root: string,
  script: string,
): Promise<{ readonly stdout: string; readonly code: number }> {
  const { source, image } = await probeImage();
  const facts = FactsStore.of(root);
  const found = await importImage(engine, source, image.descriptor, { facts });
  const spec = { command: ["sh", "-c", script], network: "none", autoRemove: true } as const;
  const { container } = await createContainer(engine, found, spec, { imageName: "probe", facts });
  return await outputOf(await container.start({ stdio: "pipe" }));
}

describe.runIf(isHere)("podman's service", () => {
  test("one of its own serves an engine and ends with it", async () => {
    await using place = await makePlace();
    const engine = await PodmanEngine.open({ ...place.options, ownService: true });
    expect(await run(engine, place.path, "echo hi")).toMatchObject({ stdout: "hi\n", code: 0 });
    expect(servicesOf(place.path)).not.toEqual([]);

    await engine[Symbol.asyncDispose]();

    await expect.poll(() => processesWith(place.path), patience).toEqual([]);
  });

  test("one that is started is found by the next command, and others that start at the same moment share it", async () => {
    await using place = await makePlace();
    const engines = await Promise.all(Array.from({ length: 4 }, () => PodmanEngine.open(place.options)));
    try {
      const ends = await Promise.all(engines.map((engine) => run(engine, place.path, "echo $((6 * 7))")));
      expect(ends.map(({ stdout }) => stdout)).toEqual(Array(4).fill("42\n"));
    } finally {
      for (const engine of engines) await engine[Symbol.asyncDispose]();
    }
    const before = servicesOf(place.path);

    await using next = await PodmanEngine.open(place.options);

    expect((await next.info()).endpoint).toBe(`unix://${place.path}/run/lading/podman.sock`);
    expect(servicesOf(place.path)).toEqual(before);
  });

  test("a made-up name that somebody else's container has is given up for another", async () => {
    await using place = await makePlace();
    await using engine = await PodmanEngine.open(place.options);
    const { source, image } = await probeImage();
    const facts = FactsStore.of(place.path);
    const found = await importImage(engine, source, image.descriptor, { facts, name: "localhost/probe:1" });
    const flags = [...(place.options.flags ?? []), "create", "--name", "able_anchor", "localhost/probe:1", "true"];
    execFileSync("podman", flags, { env: place.options.env });
    // The first of the names.
    vi.spyOn(Math, "random").mockReturnValueOnce(0).mockReturnValueOnce(0);
    onTestFinished(() => void vi.restoreAllMocks());

    const { container } = await createContainer(engine, found, { network: "none" }, { imageName: "probe", facts });

    expect(container.name).toMatch(/^[a-z]+_[a-z]+$/);
    expect(container.name).not.toBe("able_anchor");
    await container.remove({ force: true });
  });

  test("one that ended for want of work is started again by the next call", async () => {
    await using place = await makePlace();
    await using engine = await PodmanEngine.open({ ...place.options, idle: 1 });
    await engine.images.list();
    await expect.poll(() => processesWith(place.path), patience).toEqual([]);

    expect(await engine.images.list()).toEqual([]);
  });

  test("doctor is told where it was looked for, and what was found", async () => {
    await using place = await makePlace();

    const { info, findings } = await probePodman(place.options);

    expect(info).toMatchObject({ name: "podman", rootless: false });
    expect(findings).toContain(`${place.path}/run/podman/podman.sock: there is no socket`);
    expect(findings).toContain(`${place.path}/run/lading/podman.sock: a service was started there, and ends by itself`);
    expect(await probePodman({ ...place.options, env: { CONTAINER_HOST: "ssh://box" } })).toEqual({
      name: "podman",
      findings: [expect.stringContaining("only unix:// sockets")],
    });
  });
});

describe.runIf(isHere)("what podman adds of its own", () => {
  test.each([
    ['volumes = ["/etc:/host-etc"]', "mounts with /host-etc rw"],
    ['default_sysctls = ["net.ipv4.ip_forward=1"]', "sysctls with net.ipv4.ip_forward=1"],
    ['devices = ["/dev/full:/dev/extra"]', "devices with /dev/extra"],
  ])("%s keeps a container from starting, and it is gone", async (setting, difference) => {
    await using place = await makePlace();
    const conf = join(place.path, "containers.conf");
    await writeFile(conf, `[containers]\n${setting}\n`);
    await using engine = await PodmanEngine.open({
      ...place.options,
      ownService: true,
      env: { ...place.options.env, CONTAINERS_CONF: conf },
    });

    await expect(run(engine, place.path, "true")).rejects.toMatchObject({
      code: "UNSUPPORTED",
      message: expect.stringContaining(difference),
    });
    expect(await engine.list()).toEqual([]);
  });

  test("capabilities, variables and limits of containers.conf are not the container's", async () => {
    await using place = await makePlace();
    const conf = join(place.path, "containers.conf");
    const settings = [
      'default_capabilities = ["SYS_ADMIN"]',
      'env = ["ADDED=1"]',
      "pids_limit = 7",
      'default_ulimits = ["core=1:1"]',
    ];
    await writeFile(conf, `[containers]\n${settings.join("\n")}\n`);
    await using engine = await PodmanEngine.open({
      ...place.options,
      ownService: true,
      env: { ...place.options.env, CONTAINERS_CONF: conf },
    });

    const { stdout } = await run(engine, place.path, 'grep CapBnd /proc/self/status; echo "<$ADDED>"; ulimit -c');

    expect(stdout).toContain("CapBnd:\t00000000800405fb");
    expect(stdout).toContain("<>");
    expect(stdout).not.toMatch(/^1$/m);
  });
});

// The same engine as somebody else: nothing is running for them, and nothing of it needs root.
describe.runIf(isHere && installed("newuidmap", "slirp4netns") && isReachable(import.meta.dirname))(
  "without root",
  () => {
    const program = `
    import { createContainer, FactsStore, importImage, PodmanEngine, stateFolder } from "@lading/runner";
    import { outputOf, probeImage } from "@lading/testkit";
    await using engine = await PodmanEngine.open({ ownService: true });
    const { source, image } = await probeImage();
    const facts = FactsStore.of(stateFolder());
    const found = await importImage(engine, source, image.descriptor, { facts });
    const run = async (spec) => {
      const { container } = await createContainer(engine, found, { network: "none", ...spec }, { imageName: "probe", facts });
      try {
        return await outputOf(await container.start({ stdio: "pipe" }));
      } finally {
        await container.remove({ force: true });
      }
    };
    const script = "id -u; grep -c . /proc/self/uid_map; grep NoNewPrivs /proc/self/status";
    const { rootless, limits } = await engine.info();
    const { stdout, code } = await run({ command: ["sh", "-c", script] });
    const kept = await run({ command: ["id", "-u"], userns: "keep-id", user: String(process.getuid()) });
    const refused = limits.length > 0 ? "UNSUPPORTED" : await run({ memory: 1 << 26 }).catch((error) => error.code);
    console.log(JSON.stringify({ rootless, stdout, code, refused, kept: kept.stdout.trim() === String(process.getuid()) }));
  `;

    test("containers run, with the caller's number when that is asked for, and limits are refused where there are none", async () => {
      await using user = await makeUser();
      const options = ["--conditions=@lading/source", "--input-type=module", "--eval", program];

      const { stdout, stderr, status } = await user.attempt(process.execPath, options, { cwd: import.meta.dirname });

      expect(stderr).toBe("");
      expect(status).toBe(0);
      expect(JSON.parse(stdout)).toEqual({
        rootless: true,
        stdout: "0\n2\nNoNewPrivs:\t1\n",
        code: 0,
        refused: "UNSUPPORTED",
        kept: true,
      });
      expect(existsSync(join(user.home, ".local/share/lading"))).toBe(true);
    });
  },
);
