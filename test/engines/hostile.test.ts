import { existsSync } from "node:fs";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ContainerConfig } from "@lading/oci";
import { createContainer, type Engine, FactsStore, importImage, type RunSpec } from "@lading/runner";
import {
  cases,
  type EngineUnderTest,
  type Ended,
  outputOf,
  parseProbe,
  type ProbeFile,
  probeImage,
  temporaryFolder,
} from "@lading/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { engines } from "./engines.ts";

/*
 * Images and requests that have made engines and runtimes reach outside a container, on every engine:
 * what is refused is refused before the engine hears of it, and what runs stays inside.
 */

const schema = z.array(
  z.object({
    id: z.string(),
    config: z
      .object({
        User: z.string().optional(),
        WorkingDir: z.string().optional(),
        Entrypoint: z.array(z.string()).optional(),
        Cmd: z.array(z.string()).optional(),
        Volumes: z.record(z.string(), z.object({})).optional(),
      })
      .optional(),
  }),
);

const shared = cases === undefined ? undefined : schema.parse(cases.json("hostile/runner-cases.json"));

/** The config of a case that lies beside the checkout, or the same of our own where there is none. */
function configOf(id: string, own: ContainerConfig): ContainerConfig {
  const found = shared?.find((each) => each.id === id)?.config;
  return found === undefined
    ? own
    : Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined));
}

/** An engine that does not keep layers runs nothing that was not looked at before. */
const refused = { code: expect.stringMatching(/^(?:UNSAFE_IMAGE|UNSUPPORTED)$/) };

const covered = new Set<string>();

/** A test of an attack that has a case beside the checkout. */
function attack(id: string, sentence: string, body: () => Promise<void>): void {
  covered.add(id);
  test(`${id}: ${sentence}`, body);
}

describe.each(engines)("$name", ({ start }) => {
  let place: EngineUnderTest;
  let state: Awaited<ReturnType<typeof temporaryFolder>>;

  beforeAll(async () => {
    state = await temporaryFolder();
    place = await start();
  });
  afterAll(async () => {
    await place[Symbol.asyncDispose]();
    await state[Symbol.asyncDispose]();
  });

  /** Imports an image as people do, and runs it. */
  async function run(
    config: ContainerConfig,
    { files = [], spec = {} }: { readonly files?: readonly ProbeFile[]; readonly spec?: RunSpec } = {},
  ): Promise<Ended> {
    const { engine } = place;
    const { source, image } = await probeImage({ config: { Cmd: ["true"], ...config }, files });
    const name = "localhost/lading/hostile:1";
    const facts = new FactsStore(join(state.path, "facts"));
    const imported = await importImage(engine, source, image.descriptor, { name, facts });
    const { container } = await createContainer(
      engine,
      imported,
      { network: "none", ...spec },
      { imageName: name, facts },
    );
    await using running = container;
    const process = await running.start({ stdio: "pipe" });
    return { id: running.id, ...(await outputOf(process)) };
  }

  /** Runs what the engine has already, whoever put it there. */
  async function runImported(engine: Engine, config: ContainerConfig, files: readonly ProbeFile[] = []): Promise<void> {
    const { source, image } = await probeImage({ config: { Cmd: ["true"], ...config }, files });
    const imported = await engine.images.import(source, image.descriptor, { name: "localhost/lading/imported:1" });
    const facts = new FactsStore(join(state.path, "facts"));
    const { container } = await createContainer(engine, imported, { network: "none" }, { imageName: "hostile", facts });
    await using running = container;
    await (
      await running.start({ stdio: "pipe" })
    ).exit;
  }

  attack("R03-dev-symlink", "/dev that leads to the host is refused, and the host's files stay", async () => {
    await using decoy = await temporaryFolder();
    await writeFile(join(decoy.path, "ptmx"), "decoy");
    for (const name of ["dev", "proc", "sys"]) {
      const files = [{ path: name, target: decoy.path }];
      await expect(run({}, { files }), name).rejects.toMatchObject({ code: "UNSAFE_IMAGE" });
      await expect(runImported(place.engine, {}, files), name).rejects.toMatchObject(refused);
    }
    expect(await readdir(decoy.path)).toEqual(["ptmx"]);
    expect(await readFile(join(decoy.path, "ptmx"), "utf8")).toBe("decoy");
  });

  attack("R04-workdir-proc-fd", "a working directory below /proc is refused, by whatever path", async () => {
    const config = configOf("R04-workdir-proc-fd", { WorkingDir: "/proc/self/fd/8" });
    await expect(run(config)).rejects.toMatchObject({ code: "UNSAFE_IMAGE" });
    await expect(runImported(place.engine, config)).rejects.toMatchObject(refused);
    for (const WorkingDir of ["//proc//self/fd/7", "/tmp/../proc/self/fd/7", "/link/self/fd/7"])
      await expect(
        run({ WorkingDir }, { files: [{ path: "link", target: "/proc" }] }),
        WorkingDir,
      ).rejects.toMatchObject({
        code: "UNSAFE_IMAGE",
      });
    await expect(run({}, { spec: { workdir: "/proc/self/fd/8" } })).rejects.toMatchObject({ code: "UNSAFE_IMAGE" });
  });

  test("a working directory behind a link is one in the container, not on the host", async () => {
    await using decoy = await temporaryFolder();
    const WorkingDir = `/link${decoy.path}/made`;

    const attempt = run({ WorkingDir, Cmd: ["pwd"] }, { files: [{ path: "link", target: "../../../.." }] });

    await attempt.catch((error: unknown) => expect(error).toMatchObject({ code: "UNSAFE_IMAGE" }));
    expect(await readdir(decoy.path)).toEqual([]);
  });

  attack("R05-user-overflow", "a user above what ids can be is refused, and never is root", async () => {
    const config = configOf("R05-user-overflow", { User: "4294967296:0" });
    await expect(run(config)).rejects.toMatchObject({ code: "USER" });
    for (const User of ["4294967296", "2147483648", "0:4294967296", "18446744073709551616"])
      await expect(run({ User }), User).rejects.toMatchObject({ code: "USER" });
    await expect(run({}, { spec: { user: "4294967296" } })).rejects.toMatchObject({ code: "USER" });
  });

  test("a number never is somebody else, though root is called so", async () => {
    const content = "1234:x:0:0::/root:/bin/sh\nroot:x:0:0::/root:/bin/sh\n";

    const attempt = run({ User: "1234", Cmd: ["id", "-u"] }, { files: [{ path: "etc/passwd", content, mode: 0o644 }] });

    const ended = await attempt.catch((error: unknown) => {
      expect(error).toMatchObject({ code: "UNSAFE_IMAGE" });
    });
    if (ended) expect(ended.stdout).toBe("1234\n");
  });

  attack("R07-volume-traversal", "a volume that climbs out of the root is a folder inside it", async () => {
    const path = `/tmp/lading-volume-${process.pid}`;
    const { Volumes } = configOf("R07-volume-traversal", {});
    const targets = [`/../../../..${path}`, ...Object.keys(Volumes ?? {})];
    const before = targets.map(existsSync);

    const ended = await run(
      { Volumes: Object.fromEntries(targets.map((target) => [target, {}])), Cmd: ["grep", " /tmp/", "/proc/mounts"] },
      { spec: { readonlyRoot: true } },
    );

    expect(ended.stdout).toContain(` ${path} tmpfs `);
    expect(targets.map(existsSync)).toEqual(before);
    expect(existsSync(path)).toBe(false);
  });

  attack("R09-entrypoint-injection", "what looks like flags of an engine are the program's arguments", async () => {
    const config = configOf("R09-entrypoint-injection", {
      Entrypoint: ["sh", "-c", "id"],
      Cmd: ["--privileged", "-v", "/:/host"],
    });
    expect((await run(config)).stdout).toBe("uid=0(root) gid=0(root) groups=0(root)\n");

    const told = await run({
      ...config,
      Entrypoint: ["sh", "-c", 'echo "$0 $*"; ls -d /host; grep CapEff /proc/self/status'],
    });

    expect(told.stdout).toBe(`${(config.Cmd ?? []).join(" ")}\nCapEff:\t00000000800405fb\n`);
    await expect(run({ Entrypoint: ["--privileged"], Cmd: [] })).rejects.toMatchObject({ code: "COMMAND_NOT_FOUND" });
  });

  attack("R12-hardened", "all of it at once is in force", async () => {
    const ranges = [{ containerId: 0, hostId: 100_000, size: 65_536 }];
    const { stdout } = await run(
      { Cmd: ["/bin/probe"] },
      {
        spec: {
          capDrop: ["ALL"],
          noNewPrivileges: true,
          readonlyRoot: true,
          userns: { uidMap: ranges, gidMap: ranges },
          pidsLimit: 64,
          network: "none",
        },
      },
    );

    const { status, uidMap, paths, controls, lines } = parseProbe(stdout);
    expect(status).toMatchObject({ CapEff: "0".repeat(16), CapBnd: "0".repeat(16), NoNewPrivs: "1", Seccomp: "2" });
    expect(uidMap).toEqual([[0, 100_000, 65_536]]);
    expect(paths["/"]).toMatch(/readonly$/);
    expect(controls["pids/pids.max"] ?? controls["pids.max"]).toBe("64");
    expect(lines("interfaces").map((line) => line.split(" ")[0])).not.toContain("eth0");
  });

  attack("R14-sockets", "mounts that hand over the host take an explicit word", async () => {
    await using folder = await temporaryFolder();
    const sockets = ["/var/run/docker.sock", "/run/containerd/containerd.sock", "/run/podman/podman.sock"];
    for (const source of [...sockets, "/", "/proc", "/sys", "/etc", "/tmp/../etc", "//"])
      await expect(
        run({}, { spec: { mounts: [{ type: "bind", source, destination: "/mnt" }] } }),
        source,
      ).rejects.toMatchObject({ code: "SPEC" });

    const { stdout } = await run(
      { Cmd: ["ls", "/mnt/passwd"] },
      {
        spec: {
          mounts: [{ type: "bind", source: "/etc", destination: "/mnt", readonly: true }],
          allowDangerousMounts: true,
        },
      },
    );
    expect(stdout).toBe("/mnt/passwd\n");
    expect(await readdir(folder.path)).toEqual([]);
  });

  attack("R15-digest-pin", "what was looked at is what runs, though its name has moved since", async () => {
    const { engine } = place;
    const name = "localhost/lading/moving:1";
    const facts = new FactsStore(join(state.path, "facts"));
    const good = await probeImage({
      config: { Cmd: ["cat", "/which"] },
      files: [{ path: "which", content: "good\n" }],
    });
    const evil = await probeImage({
      config: { Cmd: ["cat", "/which"] },
      files: [{ path: "which", content: "evil\n" }],
    });
    const looked = await importImage(engine, good.source, good.image.descriptor, { name, facts });
    await importImage(engine, evil.source, evil.image.descriptor, { name, facts });

    const { container } = await createContainer(engine, looked, { network: "none" }, { imageName: name, facts });
    await using running = container;

    expect((await outputOf(await running.start({ stdio: "pipe" }))).stdout).toBe("good\n");
    expect((await running.info()).image.id).toBe(good.image.manifest.config.digest);
  });

  attack("R16-masked-null", "a null device of the image's own uncovers nothing", async () => {
    await using decoy = await temporaryFolder();
    await writeFile(join(decoy.path, "file"), "decoy");
    for (const target of ["/proc/sys/kernel/core_pattern", join(decoy.path, "file")]) {
      const attempt = run({ Cmd: ["/bin/probe"] }, { files: [{ path: "dev" }, { path: "dev/null", target }] });
      const ended = await attempt.catch((error: unknown) => {
        expect(error).toMatchObject({ code: "UNSAFE_IMAGE" });
      });
      // A runtime that is new enough may run it: then its masks are in force.
      if (ended) expect(parseProbe(ended.stdout).paths["/proc/keys"]).toMatch(/^device /);
    }
    expect(await readFile(join(decoy.path, "file"), "utf8")).toBe("decoy");
  });

  test("an Env without a value takes none from the host", async () => {
    process.env["LADING_HOST_SECRET"] = "of the host";
    try {
      for (const entry of ["LADING_HOST_SECRET", "LADING_HOST*", "=x"])
        await expect(run({ Env: [entry] }), entry).rejects.toMatchObject({ code: "UNSAFE_IMAGE" });
    } finally {
      delete process.env["LADING_HOST_SECRET"];
    }
  });

  test("labels that engines obey give them no orders", async () => {
    await using folder = await temporaryFolder();
    const file = join(folder.path, "pwned");
    const Labels = {
      "containerd.io/restart.status": "running",
      "containerd.io/restart.loguri": `binary:///usr/bin/touch?${file}`,
      "io.podman.annotations.privileged": "TRUE",
      "run.oci.keep_original_groups": "1",
      harmless: "yes",
    };

    const { stdout, id } = await run({ Labels, Cmd: ["grep", "CapEff", "/proc/self/status"] });

    expect(id).not.toBe("");
    expect(stdout).toBe("CapEff:\t00000000800405fb\n");
    expect(existsSync(file)).toBe(false);
  });

  test("accounts that are too large to be any are not read", async () => {
    const content = "x:x:1:1::/:/bin/sh\n".repeat(200_000);

    await expect(run({ User: "x" }, { files: [{ path: "etc/passwd", content, mode: 0o644 }] })).rejects.toMatchObject({
      code: "UNSAFE_IMAGE",
    });
  });

  test.each(["etc/hosts", "etc/resolv.conf", "etc/hostname"])(
    "/%s that leads to the host changes nothing there",
    async (path) => {
      await using decoy = await temporaryFolder();
      const file = join(decoy.path, "file");
      await writeFile(file, "decoy");

      const attempt = run({ Cmd: ["cat", "/etc/hosts"] }, { files: [{ path, target: `../../../../../..${file}` }] });

      await attempt.catch((error: unknown) => expect(error).toHaveProperty("code"));
      expect(await readFile(file, "utf8")).toBe("decoy");
      expect(await readdir(decoy.path)).toEqual(["file"]);
    },
  );

  test("a mount point that leads to the host is one in the container", async () => {
    await using decoy = await temporaryFolder();
    await using given = await temporaryFolder();
    await writeFile(join(given.path, "note"), "given\n");

    const attempt = run(
      { Cmd: ["cat", "/link/deep/note"] },
      {
        files: [{ path: "link", target: decoy.path }],
        spec: { mounts: [{ type: "bind", source: given.path, destination: "/link/deep" }] },
      },
    );

    await attempt.catch((error: unknown) => expect(error).toHaveProperty("code"));
    expect(await readdir(decoy.path)).toEqual([]);
  });
});

test.runIf(shared !== undefined)("every case beside the checkout is among these", () => {
  expect([...covered].toSorted()).toEqual((shared ?? []).map(({ id }) => id).toSorted());
});
