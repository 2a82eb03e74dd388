import { digestOf, LayoutStore } from "@lading/oci";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { cacheStats, type Prunable } from "./cache-upkeep.ts";
import { LayerCache } from "./layer-cache.ts";
import { packLayer } from "./pack.ts";
import { diskPlan, mixedBytes, packOptions, temporaryFolder } from "./pack.suite.ts";

function sources(): string {
  const folder = temporaryFolder();
  mkdirSync(join(folder, "dir"));
  writeFileSync(join(folder, "dir/a"), "aaa");
  writeFileSync(join(folder, "b"), mixedBytes(100_000));
  return folder;
}

test("a layer whose files look as they did is not read: it is there even when they are gone", async () => {
  const folder = sources();
  const plan = diskPlan(folder);
  const options = await packOptions();
  const first = await packLayer(plan, options);
  rmSync(folder, { recursive: true });

  const second = await packLayer(plan, options);

  expect(first.reuse).toBe("none");
  expect(second).toMatchObject({ descriptor: first.descriptor, diffId: first.diffId, reuse: "stat" });
  expect(second.explanation?.reason).toBe("unchanged");
});

test("a layer is known by its content when its files were only touched", async () => {
  const folder = sources();
  const options = await packOptions({ identity: "app" });
  const first = await packLayer(diskPlan(folder), options);
  utimesSync(join(folder, "b"), 1, 1);

  const second = await packLayer(diskPlan(folder), options);
  const third = await packLayer(diskPlan(folder), options);

  expect(second).toMatchObject({ descriptor: first.descriptor, diffId: first.diffId, reuse: "content" });
  expect(second.explanation?.reason).toBe("same content");
  expect(third.reuse).toBe("stat");
});

test("an edit that keeps size and mtime is never missed, however soon after a build it comes", async () => {
  const folder = sources();
  const options = await packOptions();
  const file = join(folder, "dir/a");
  utimesSync(file, 1_700_000_000, 1_700_000_000);
  const listedAt = Date.now();
  const first = await packLayer(diskPlan(folder), { ...options, listedAt });
  writeFileSync(file, "bbb");
  utimesSync(file, 1_700_000_000, 1_700_000_000);

  const second = await packLayer(diskPlan(folder), { ...options, listedAt: Date.now() });

  expect(second.reuse).toBe("none");
  expect(second.diffId).not.toBe(first.diffId);
});

test("files younger than the clock can tell apart are read again until they are older", async () => {
  const folder = sources();
  const plan = diskPlan(folder);
  const options = await packOptions();
  const newest = Math.max(statSync(join(folder, "b")).ctimeMs, statSync(join(folder, "dir/a")).ctimeMs);

  await packLayer(plan, { ...options, listedAt: newest + 10 });
  expect((await packLayer(plan, { ...options, listedAt: newest + 30 })).reuse).toBe("content");
  expect((await packLayer(plan, { ...options, listedAt: newest + 30 })).reuse).toBe("stat");
});

test("every compression has its own layers, and noCache packs again", async () => {
  const plan = diskPlan(sources());
  const options = await packOptions({ identity: "app" });
  const gzip = await packLayer(plan, options);

  const zstd = await packLayer(plan, await packOptions({ cache: options.cache, compression: "zstd" }));
  const again = await packLayer(plan, { ...options, noCache: true });

  expect(zstd).toMatchObject({ diffId: gzip.diffId, reuse: "none" });
  expect(again).toMatchObject({ descriptor: gzip.descriptor, reuse: "none", explanation: { reason: "cache off" } });
  expect((await packLayer(plan, options)).reuse).toBe("stat");
});

test.each([
  ["removed", (path: string) => rmSync(path)],
  ["truncated", (path: string) => truncateSync(path, 100)],
])("a layer whose blob was %s is packed again", async (_, damage) => {
  const plan = diskPlan(sources());
  const options = await packOptions({ identity: "app" });
  const { descriptor } = await packLayer(plan, options);
  const path = options.cache.store.path(descriptor.digest);
  damage(path);

  const again = await packLayer(plan, options);

  expect(again).toMatchObject({ descriptor, reuse: "none", explanation: { reason: "cache entry gone" } });
  expect(digestOf(readFileSync(path))).toBe(descriptor.digest);
});

test.each([
  ["nothing", () => ""],
  ["half a record", (text: string) => text.slice(0, text.length / 2)],
  ["another version", (text: string) => text.replace('"version":1', '"version":2')],
  ["a digest that is none", (text: string) => text.replaceAll("sha256:", "sha256:../")],
])("a record that holds %s is as good as none", async (_, damage) => {
  const plan = diskPlan(sources());
  const options = await packOptions();
  const { descriptor } = await packLayer(plan, options);
  for (const kind of ["stat", "content", "shape"]) {
    const folder = join(options.cache.folder, "layers", kind);
    for (const name of readdirSync(folder)) {
      writeFileSync(join(folder, name), damage(readFileSync(join(folder, name), "utf8")));
    }
  }

  expect(await packLayer(plan, options)).toMatchObject({ descriptor, reuse: "none" });
});

test("the cache is an OCI layout that other tools can read, and is marked as a cache", async () => {
  const options = await packOptions();
  const { descriptor } = await packLayer(diskPlan(sources()), options);

  const store = await LayoutStore.open(options.cache.folder);

  expect(await store.has(descriptor)).toBe(true);
  expect(readFileSync(join(options.cache.folder, "CACHEDIR.TAG"), "utf8")).toMatch(
    /^Signature: 8a477f597d28d172789f06886806bc55\n/,
  );
});

/** A process of its own that packs into `cache`: a member that never ends, or the folder given. */
function packElsewhere(cache: string, what: { folder?: string }): ReturnType<typeof spawn> {
  const program = `
    import { readdirSync, lstatSync } from "node:fs";
    const { packLayer, LayerCache, CompressPool } = Object.assign({}, ...(await Promise.all(
      ["pack", "layer-cache", "compress-pool"].map((name) => import(${JSON.stringify(import.meta.dirname)} + "/" + name + ".ts")))));
    async function* endless() {
      for (let count = 0; ; count++) {
        if (count === 50) console.log("packing");
        yield new Uint8Array(100_000);
        await new Promise(setImmediate);
      }
    }
    const meta = { type: "file", mode: 0o644, uid: 0, gid: 0, mtime: 1 };
    const folder = process.argv[2];
    const entries = folder
      ? readdirSync(folder).map((path) => {
          const stat = lstatSync(folder + "/" + path);
          return { ...meta, path, size: stat.size, content: { kind: "disk", path: folder + "/" + path, stat } };
        })
      : [{ ...meta, path: "x", size: 2 ** 40, content: { kind: "member", digest: "", path: "x", open: endless } }];
    const pool = new CompressPool(1);
    const cache = await LayerCache.open(process.argv[1]);
    const { descriptor, diffId, reuse } = await packLayer({ name: "x", entries }, { cache, pool, compression: { kind: "gzip", level: 6 }, listedAt: Date.now() + 60_000 });
    console.log(JSON.stringify({ descriptor, diffId, reuse }));
    await pool.close();
  `;
  const flags = ["-C", "@lading/source", "--no-warnings", "--input-type=module", "-e", program];
  return spawn(process.execPath, [...flags, cache, what.folder ?? ""], { stdio: ["ignore", "pipe", "inherit"] });
}

test("a killed build leaves nothing that a later one trusts, and the next one sweeps up", async () => {
  const folder = temporaryFolder();
  const child = packElsewhere(folder, {});
  if (child.stdout === null) throw new TypeError("Cannot listen to the child");
  const exit = once(child, "exit");
  await Promise.race([once(child.stdout, "data"), exit]);
  child.kill("SIGKILL");
  await exit;
  const { temporaryBytes, blobs, records } = cacheStats(folder);
  expect({ blobs, records }).toEqual({ blobs: 0, records: 0 });
  expect(temporaryBytes).toBeGreaterThan(0);

  await LayerCache.open(folder);

  expect(cacheStats(folder)).toMatchObject({ blobs: 0, bytes: 0, records: 0, temporaryBytes: 0 });
}, 20_000);

test("processes that pack one layer into one cache at the same time agree", async () => {
  const cache = temporaryFolder();
  const folder = temporaryFolder();
  for (const seed of [1, 2, 3]) writeFileSync(join(folder, `${seed}`), mixedBytes(3_000_000, seed));
  const expected = await packLayer(diskPlan(folder), await packOptions({ compression: "gzip:6" }));

  const outputs = await Promise.all(
    [1, 2, 3].map(async () => {
      let output = "";
      const child = packElsewhere(cache, { folder });
      child.stdout?.on("data", (data) => (output += String(data)));
      const [code] = await once(child, "close");
      expect(code).toBe(0);
      return JSON.parse(output);
    }),
  );

  for (const output of outputs) expect(output.descriptor).toEqual(expected.descriptor);
  execFileSync("gzip", ["-t"], {
    input: readFileSync(join(cache, "blobs/sha256", expected.descriptor.digest.slice(7))),
  });
  expect(cacheStats(cache)).toMatchObject({ blobs: 1, temporaryBytes: 0 });
}, 30_000);

test("prune removes what was not used lately, with its records, and then the oldest until the rest fits", async () => {
  const options = await packOptions({ compression: "none" });
  const { folder, store } = options.cache;
  const layers = [];
  for (const seed of [1, 2, 3]) {
    const source = temporaryFolder();
    writeFileSync(join(source, "file"), mixedBytes(10_000 + seed, seed));
    const layer = await packLayer(diskPlan(source), options);
    utimesSync(store.path(layer.descriptor.digest), seed * 1000, seed * 1000);
    layers.push(layer);
  }
  const [, second, third] = layers;

  const size = third?.descriptor.size ?? 0;
  expect(await options.cache.prune({ maxAgeMs: Date.now() - 1_500_000 })).toEqual({ removed: 1, bytes: size });
  expect(cacheStats(folder)).toMatchObject({ blobs: 2, records: 6 });

  expect(await options.cache.prune({ maxBytes: size })).toEqual({ removed: 1, bytes: size });
  expect(second && (await store.has(second.descriptor))).toBe(false);
  expect(third && (await store.has(third.descriptor))).toBe(true);

  await options.cache.clear();
  expect(cacheStats(folder)).toEqual({
    blobs: 0,
    bytes: 0,
    records: 0,
    temporaryBytes: 0,
    mounts: 0,
    mountBytes: 0,
  });
});

test("prune counts folders of mounts and what else it is told of, and goes on where something is in use", async () => {
  const { cache } = await packOptions({ compression: "none" });
  const mount = join(cache.folder, "mounts/of-npm");
  mkdirSync(join(mount, "deep"), { recursive: true });
  writeFileSync(join(mount, "deep/file"), mixedBytes(1000, 1));
  utimesSync(mount, 2000, 2000);
  expect(cache.stats()).toMatchObject({ mounts: 1, mountBytes: 1000 });

  const asked: string[] = [];
  const other = (name: string, used: number, isFree: boolean): Prunable => ({
    bytes: 500,
    usedMs: used * 1000,
    remove: () => {
      asked.push(name);
      return isFree;
    },
  });
  const others = [other("used", 1000, false), other("free", 1500, true), other("new", 9000, true)];
  expect(await cache.prune({ maxBytes: 1000, others })).toEqual({ removed: 2, bytes: 1500 });
  expect(asked).toEqual(["used", "free"]);
  expect(cache.stats()).toMatchObject({ mounts: 0, mountBytes: 0 });
});

test("using a layer counts as use for pruning", async () => {
  const options = await packOptions();
  const plan = diskPlan(sources());
  const { descriptor } = await packLayer(plan, options);
  const path = options.cache.store.path(descriptor.digest);
  utimesSync(path, 1000, 1000);

  await packLayer(plan, options);

  expect((await options.cache.prune({ maxAgeMs: 3_600_000 })).removed).toBe(0);
});
