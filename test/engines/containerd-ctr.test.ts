import { readFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { ContainerdEngine } from "@lading/runner";
import { Bench, probeImage } from "@lading/testkit";
import { type Bytes, OciArchiveSink, type Source, copy } from "@lading/oci";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Containerd, startContainerd } from "../interop/containerd.ts";
import { containerd as fixture } from "./engines.ts";

/*
 * What containerd's own tool says of what Lading does there.
 */
describe.runIf(fixture.isHere)("ctr", () => {
  let daemon: Containerd;
  let bench: Bench;
  let root: string;
  beforeAll(async () => {
    daemon = await startContainerd();
    root = join(daemon.folder, "lading");
    const settings = { name: "containerd", root, address: daemon.socket };
    bench = await Bench.of({
      engine: await ContainerdEngine.open(settings),
      elsewhere: { module: new URL("open-engine.ts", import.meta.url).href, settings },
      [Symbol.asyncDispose]: () => Promise.resolve(),
    });
  });
  afterAll(async () => {
    await bench.engine[Symbol.asyncDispose]();
    await daemon[Symbol.asyncDispose]();
  });

  const ctr = async (...args: readonly string[]): Promise<readonly string[]> =>
    (await daemon(["--namespace", "lading", ...args]))
      .trim()
      .split("\n")
      .filter((line) => line !== "");

  /** Everything of containers that there is, but for the image. */
  async function leftovers(): Promise<object> {
    const snapshots = (await ctr("snapshots", "ls")).slice(1).filter((line) => !line.trim().endsWith("Committed"));
    const mounts = readFileSync("/proc/self/mountinfo", "utf8")
      .split("\n")
      .filter((line) => line.includes(daemon.folder) && (line.includes("/lading/") || line.includes("/rootfs ")));
    return {
      containers: await ctr("containers", "ls", "--quiet"),
      tasks: await ctr("tasks", "ls", "--quiet"),
      leases: await ctr("leases", "ls", "--quiet"),
      snapshots,
      mounts,
      folders: await readdir(join(root, "containers")),
    };
  }
  const nothing = { containers: [], tasks: [], leases: [], snapshots: [], mounts: [], folders: [] };

  test("an image whose name has moved on is no garbage", async () => {
    const { images } = bench.engine;
    const name = "localhost/lading/moving:1";
    const [first, second] = [await probeImage(), await probeImage()];
    const { id } = await images.import(first.source, first.image.descriptor, { name });
    await images.import(second.source, second.image.descriptor, { name });

    await ctr("images", "rm", "--sync", name);

    expect(await images.find(id)).toMatchObject({ id, names: [] });
    await images.remove(id);
    await images.remove(second.image.manifest.config.digest);
    expect((await images.list()).map((image) => image.id)).not.toContain(id);
  });

  test("an image is whole and unpacked, with the labels that ctr gives to its own", async () => {
    const { probe } = bench;
    const path = join(daemon.folder, "image.tar");
    await using sink = await OciArchiveSink.create(path);
    await copy(probe.source, sink, probe.image.descriptor);
    await sink.tag(probe.image.descriptor, "localhost/theirs:1");
    await sink.finish();
    await daemon(["--namespace", "theirs", "images", "import", path]);
    const labels = async (namespace: string): Promise<readonly string[]> =>
      (await daemon(["--namespace", namespace, "content", "ls"]))
        .split("\n")
        .filter((line) => line.includes(probe.image.descriptor.digest) || line.includes("gc.ref.snapshot"))
        .map((line) => [line.split("\t")[0], ...(line.split("\t").at(-1) ?? "").split(",").toSorted()].join(" "))
        .toSorted();

    const [check] = (await ctr("images", "check")).slice(1);

    expect(check).toMatch(/complete \(\d+\/\d+\).* true$/);
    expect(await labels("lading")).toEqual(await labels("theirs"));
  });

  test("an image that is there is not read again", async () => {
    const { probe } = bench;
    let opened = 0;
    const source: Source = {
      resolve: (name) => probe.source.resolve(name),
      blob(descriptor) {
        const blob = probe.source.blob(descriptor);
        return {
          ...blob,
          open(options): Bytes {
            opened++;
            return blob.open(options);
          },
        };
      },
    };

    await bench.engine.images.import(source, probe.image.descriptor, { name: "localhost/again:1" });

    expect(opened).toBe(0);
    expect(await ctr("leases", "ls", "--quiet")).toEqual([]);
  });

  test("nothing is left of a container that was removed", async () => {
    await using container = await bench.shell("cat; touch /file; exit 7", { interactive: true });
    const process = await container.start({ stdio: "pipe" });
    process.stdin?.end("input\n");
    expect((await process.exit).code).toBe(7);
    expect(await ctr("tasks", "ls", "--quiet")).toEqual([]);
    expect(await ctr("containers", "ls", "--quiet")).toEqual([container.id]);

    await container.remove();

    expect(await leftovers()).toEqual(nothing);
  });

  test("what a supervisor that was killed left behind goes with the container", async () => {
    const plan = bench.plan({ command: ["sleep", "600"], interactive: true });
    const { stdout } = await bench.runElsewhere(
      `
      const container = await engine.create(plan, image, { imageName });
      await container.start({ stdio: "pipe" });
      process.stdout.write(container.id, () => process.kill(process.pid, "SIGKILL"));
      await new Promise(() => {});
      `,
      { plan },
    );
    expect(await ctr("tasks", "ls", "--quiet")).toEqual([stdout]);

    const container = await bench.engine.get(stdout);
    await container.remove({ force: true });

    expect(await leftovers()).toEqual(nothing);
  });
});
