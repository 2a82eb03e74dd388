import { availableParallelism } from "node:os";
import {
  type Blob,
  type Digest,
  firstOf,
  formatPlatform,
  type Image,
  Limiter,
  MemoryStore,
  type Source,
  writeImage,
  writeIndex,
} from "@lading/oci";
import type { Base } from "./base/base.ts";
import { baseLayers } from "./base/base-layers.ts";
import { blaming } from "./list/blaming.ts";
import { asSpec } from "./check-build.ts";
import { CompressPool } from "./pack/compress-pool.ts";
import { codecVersion } from "./pack/chunk-codec.ts";
import { parseCompression } from "./pack/compression.ts";
import type { LayerPlan } from "./entry.ts";
import { BuildError } from "./errors.ts";
import { LayerCache } from "./pack/layer-cache.ts";
import { packLayer, type PackedLayer } from "./pack/pack.ts";
import { type Packing, toLayer } from "./pack/packing.ts";
import { PlanMemory } from "./pack/plan-memory.ts";
import { countEntries, sizeOfFiles } from "./plan/remembered-plan.ts";
import { type Prepared, prepareBuild } from "./prepare.ts";
import type { BuildPlan, BuildRequest, BuildResult, BuiltImage, BuiltLayer } from "./result.ts";

/** What `build` would do. Reads the context's folders and the base, writes nothing but the base's index. Throws BuildError. */
export async function planBuild(request: BuildRequest): Promise<BuildPlan> {
  const prepared = await prepareBuild(request);
  return prepared.plan;
}

/**
 * Builds what `request.spec` describes: an image for each platform, and an index of them when there
 * are several. Layers are packed into the cache; documents stay in memory until they are copied.
 * Platforms share the layers that are equal. The result depends on the description, the sources and
 * the base only. The first failure stops everything; it is thrown when nothing runs any more.
 * Throws BuildError, OciError, or the signal's reason.
 */
export async function build(request: BuildRequest): Promise<BuildResult> {
  const begun = performance.now();
  const compression = asSpec(() => parseCompression(request.spec.compression));
  const cache = await LayerCache.open(request.cacheDir);
  await using pool = new CompressPool(workersOf(request));
  const means: Means = { cache, pool, compression };
  const packing = packingFor(request, means);
  const prepared = await prepareBuild(request, packing);
  const planned = performance.now();
  const packed = await packLayers(request, prepared, means);
  for (const [plan, layer] of packed) packing.plans?.keep(plan, layer);
  const pack = performance.now() - planned;

  const memory = new MemoryStore();
  const images = await writeImages(request, prepared, packed, memory, cache.layers);
  const [first] = images;
  const descriptor =
    images.length === 1 && first !== undefined
      ? first.image.descriptor
      : await writeIndex(
          memory,
          images.map(({ image }) => image),
          { annotations: prepared.plan.indexAnnotations, signal: request.signal },
        );
  const found = new Set(prepared.bases.flatMap((base) => base?.found ?? []));
  const inherited = new Set(prepared.bases.flatMap((base) => base?.image.layers ?? []).map(digestOfBlob));
  const sources = Array.from(found, ({ source, place }) =>
    only(
      inherited,
      blaming(source, (_, cause) => new BuildError("BASE", `Cannot use base "${place}": ${cause.message}`, { cause })),
    ),
  );
  return {
    source: firstOf(memory, layerSource(cache, packed), ...sources),
    descriptor,
    images: images.map(({ built }) => built),
    warnings: prepared.plan.warnings,
    timings: { ...prepared.timings, pack, total: performance.now() - begun },
  };
}

/** Packs what a step of a Dockerfile is to see. */
function packingFor(request: BuildRequest, means: Means): Packing {
  const listedAt = Date.now();
  const packed = new Map<LayerPlan, Promise<PackedLayer>>();
  const limiter = new Limiter(Math.max(1, workersOf(request)));
  const { noCache, signal } = request;
  const packNow = async (plan: LayerPlan): Promise<PackedLayer> =>
    await limiter.run(async () => await packLayer(plan, { ...means, listedAt, noCache, signal }));
  return {
    cache: means.cache,
    plans: noCache === true ? undefined : new PlanMemory(means.cache, codecVersion(means.compression)),
    source: means.cache.layers,
    pack: async (plan) => {
      let packing = plan.packed === undefined ? packed.get(plan) : Promise.resolve(plan.packed);
      if (packing === undefined) packed.set(plan, (packing = packNow(plan)));
      return await packing;
    },
  };
}

type Compression = ReturnType<typeof parseCompression>;

/** What all layers of a build are packed with. */
interface Means {
  readonly cache: LayerCache;
  readonly pool: CompressPool;
  readonly compression: Compression;
}

function workersOf({ workers = availableParallelism() }: BuildRequest): number {
  return workers;
}

/** Packs every plan once, a few at a time. */
async function packLayers(
  request: BuildRequest,
  { plan: { images }, listedAt }: Prepared,
  means: Means,
): Promise<ReadonlyMap<LayerPlan, PackedLayer>> {
  const stop = new AbortController();
  const signal = request.signal === undefined ? stop.signal : AbortSignal.any([request.signal, stop.signal]);
  const platforms = new Map<LayerPlan, string[]>();
  for (const { layers, platform } of images)
    for (const layer of layers) platforms.set(layer, [...(platforms.get(layer) ?? []), formatPlatform(platform)]);

  const plans = [...platforms.keys()];
  /** How many layers before this one are called the same. */
  const twins = ({ name }: LayerPlan, index: number): number =>
    plans.slice(0, index).filter((one) => one.name === name).length;

  const limiter = new Limiter(Math.max(1, workersOf(request)));
  const packed = new Map<LayerPlan, PackedLayer>();
  const tasks = [...platforms].map(([plan, names], index) =>
    limiter
      .run(async () => {
        signal.throwIfAborted();
        const identity = [request.context, plan.name, twins(plan, index), ...names].join("\0");
        const { noCache } = request;
        const options = { ...means, listedAt, identity, noCache, signal };
        packed.set(plan, await packOne(plan, String(index), names, options, request.onEvent));
      })
      .catch((error: unknown) => {
        stop.abort(error);
        throw error;
      }),
  );
  await Promise.allSettled(tasks);
  request.signal?.throwIfAborted();
  if (stop.signal.aborted) throw stop.signal.reason;
  return packed;
}

async function packOne(
  plan: LayerPlan,
  id: string,
  platforms: readonly string[],
  options: Parameters<typeof packLayer>[1],
  onEvent: BuildRequest["onEvent"],
): Promise<PackedLayer> {
  const size = sizeOfFiles(plan);
  onEvent?.({ type: "layer-start", id, name: plan.name, platforms, entries: countEntries(plan), size });
  // The tar is somewhat longer than its files.
  const onProgress =
    onEvent && ((done: number): void => onEvent({ type: "layer-progress", id, done: Math.min(done, size) }));
  const layer = plan.packed ?? (await packLayer(plan, { ...options, onProgress }));
  const { descriptor, diffId, reuse, ms } = layer;
  onEvent?.({ type: "layer-done", id, reuse, digest: descriptor.digest, diffId, size: descriptor.size, ms });
  return layer;
}

/** The layers in the cache. What was packed just now was hashed as it was written; what was there before is verified. */
function layerSource({ store, layers }: LayerCache, packed: ReadonlyMap<LayerPlan, PackedLayer>): Source {
  const own = new Set([...packed.values()].flatMap((one) => (one.reuse === "none" ? [one.descriptor.digest] : [])));
  return {
    resolve: (name, options) => layers.resolve(name, options),
    blob: (descriptor) => (own.has(descriptor.digest) ? store.ownBlob(descriptor) : layers.blob(descriptor)),
  };
}

function digestOfBlob({ descriptor }: Blob): Digest {
  return descriptor.digest;
}

/** Of a base its layers alone: what a build made is not in the base's registry, and cannot be mounted from there. */
function only(digests: ReadonlySet<Digest>, source: Source): Source {
  const none = new MemoryStore();
  return {
    resolve: (name, options) => source.resolve(name, options),
    blob: (descriptor) => (digests.has(descriptor.digest) ? source : none).blob(descriptor),
  };
}

async function writeImages(
  { onEvent, signal }: BuildRequest,
  { plan, bases }: Prepared,
  packed: ReadonlyMap<LayerPlan, PackedLayer>,
  memory: MemoryStore,
  blobs: Source,
): Promise<{ readonly image: Image; readonly built: BuiltImage }[]> {
  const written: { readonly image: Image; readonly built: BuiltImage }[] = [];
  for (const [index, { platform, layers: plans, config, annotations }] of plan.images.entries()) {
    const base = bases[index];
    const added = plans.flatMap((one) => packed.get(one) ?? []);
    const layers = [...(base?.image.layers ?? []), ...added.map((layer) => toLayer(layer, blobs))];
    const image = await writeImage(memory, { config, layers, annotations }, { signal });
    onEvent?.({ type: "image", platform: formatPlatform(platform), digest: image.descriptor.digest });
    const { descriptor, manifest } = image;
    const built = [...(await describeBase(base)), ...plans.flatMap((one) => describeLayer(one, packed.get(one)))];
    written.push({ image, built: { platform, descriptor, imageId: manifest.config.digest, layers: built } });
  }
  return written;
}

async function describeBase(base: Base | undefined): Promise<readonly BuiltLayer[]> {
  return base === undefined ? [] : baseLayers(base);
}

function describeLayer(plan: LayerPlan, layer: PackedLayer | undefined): BuiltLayer[] {
  if (layer === undefined) return [];
  const { descriptor, diffId, unpackedSize, reuse, ms, explanation } = layer;
  const common = { name: plan.name, descriptor, diffId, unpackedSize, entries: countEntries(plan), reuse, ms };
  return [explanation === undefined ? common : { ...common, explanation }];
}
