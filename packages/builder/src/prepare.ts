import { formatPlatform, type Options, parsePlatform, type Platform, samePlatform } from "@lading/oci";
import { type Base, baseAnnotations, defaultPlatforms, type FoundBase, lowerOf, openBase } from "./base/base.ts";
import { applyConfig } from "./config/config.ts";
import type { LayerPlan } from "./entry.ts";
import { BuildError } from "./errors.ts";
import { readIgnoreFile } from "./list/ignore.ts";
import { readAccounts } from "./base/image-accounts.ts";
import { needsBaseFiles } from "./base/needed-files.ts";
import { dependsOnPlatform, isFor, listLayer } from "./list/list.ts";
import type { ListedEntry } from "./list/listing.ts";
import { layOn, type Lower, nothing } from "./plan/lower.ts";
import type { Matcher } from "./list/patterns.ts";
import { planLayer } from "./plan/plan.ts";
import { isSamePlan } from "./plan/same-plan.ts";
import type { BuildPlan, BuildRequest, PlannedImage } from "./result.ts";
import type { LayerSpec } from "./spec.ts";

/** A plan, with what carrying it out needs. */
export interface Prepared {
  readonly plan: BuildPlan;
  /** By index of the plan's images; undefined FROM scratch. */
  readonly bases: readonly (Base | undefined)[];
  /** When listing began, as Date.now() says. */
  readonly listedAt: number;
  /** Milliseconds. */
  readonly timings: { readonly base: number; readonly list: number };
}

// Containerd and older Dockers take about 127 layers; beyond Linux' overlayfs' 500 nothing can run it.
const maxLayers = 127;
const runnableLayers = 500;

/** Finds out everything about a build that can be known without reading files' contents. Throws BuildError. */
export async function prepareBuild(request: BuildRequest): Promise<Prepared> {
  const begun = performance.now();
  const { spec, signal, onEvent } = request;
  checkSpec(request);
  const warnings: string[] = [];
  const warn = (message: string): void => {
    if (warnings.includes(message)) return;
    warnings.push(message);
    onEvent?.({ type: "warning", message });
  };
  const found = await findBase(request);
  const platforms = await choosePlatforms(request, found);
  const bases: (Base | undefined)[] = [];
  for (const platform of platforms) {
    const base = found && (await openBase(found, platform, request.cacheDir, { signal }));
    if (base !== undefined)
      onEvent?.({
        type: "base",
        place: base.found.place,
        platform: formatPlatform(base.image.platform),
        digest: base.image.descriptor.digest,
      });
    bases.push(base);
  }
  // The files of a base are only of interest when something is laid on them; of a remote one, see `Planner`.
  if ((spec.layers ?? []).length > 0)
    for (const base of bases) if (base !== undefined && base.found.remote !== true) await base.tree();
  const based = performance.now();

  const listedAt = Date.now();
  const planner = new Planner(request, warn);
  const images: PlannedImage[] = [];
  for (const [index, asked] of platforms.entries()) {
    const base = bases[index];
    const platform = base?.image.platform ?? asked;
    const layers = await planner.planImage(platform, base);
    images.push(describeImage(request, platform, base, layers, warn));
  }
  const indexAnnotations = { ...(found && baseAnnotations(found, found.descriptor.digest)), ...spec.annotations };
  return {
    plan: { images, indexAnnotations, warnings },
    bases,
    listedAt,
    timings: { base: based - begun, list: performance.now() - based },
  };
}

function checkSpec({ spec }: BuildRequest): void {
  const { tags = [] } = spec;
  const twice = tags.find((tag, index) => tags.indexOf(tag) !== index);
  if (twice !== undefined) throw new BuildError("SPEC", `Cannot tag the image "${twice}" twice`);
  for (const key of Object.keys(spec.annotations ?? {}))
    if (key === "") throw new BuildError("SPEC", "Cannot set annotations: a name is empty");
}

async function findBase({ spec, locate, signal }: BuildRequest): Promise<FoundBase | undefined> {
  const place = spec.from ?? "scratch";
  return place === "scratch" ? undefined : { ...(await locate(place, { signal })), place };
}

async function choosePlatforms(
  { spec, signal }: BuildRequest,
  found: FoundBase | undefined,
): Promise<readonly Platform[]> {
  if (spec.platforms === undefined || spec.platforms.length === 0) return defaultPlatforms(found, { signal });
  const platforms: Platform[] = [];
  for (const text of spec.platforms) {
    const platform = readPlatform(text);
    if (platforms.some((other) => samePlatform(other, platform)))
      throw new BuildError("SPEC", `Cannot build for ${text} twice`);
    platforms.push(platform);
  }
  return platforms;
}

function readPlatform(text: string): Platform {
  try {
    return parsePlatform(text);
  } catch (cause) {
    throw new BuildError("SPEC", cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

/** Plans the layers of one image after the other; what several need is done once. */
class Planner {
  readonly #request: BuildRequest;
  readonly #warn: (message: string) => void;
  readonly #timestamp: number;
  readonly #ignore: Matcher | undefined;
  readonly #listed = new Map<LayerSpec, Promise<ListedEntry[]>>();
  /** By what they are laid on: FROM scratch, all images have the same layers below. */
  readonly #laid = new Map<Lower, Map<LayerPlan, Lower>>();
  readonly #plans = new Map<
    LayerSpec,
    { readonly lower: Lower; readonly listed: readonly ListedEntry[]; readonly plan: LayerPlan }[]
  >();

  constructor(request: BuildRequest, warn: (message: string) => void) {
    this.#request = request;
    this.#warn = warn;
    this.#timestamp = request.sourceDateEpoch ?? 1;
    this.#ignore = readIgnoreFile(request.context, request.spec.ignoreFile, request.outputs);
  }

  async planImage(platform: Platform, base: Base | undefined): Promise<readonly LayerPlan[]> {
    const plans: LayerPlan[] = [];
    const specs = this.#request.spec.layers ?? [];
    let lower = await this.#below(base, platform);
    for (const [index, layer] of specs.entries()) {
      const plan = await this.#planLayer(layer, index, { platform, base, lower, plans });
      if (plan.entries.length === 0) continue;
      plans.push(plan);
      if ((base?.image.layers.length ?? 0) + plans.length > runnableLayers)
        throw new BuildError(
          "SPEC",
          `Cannot build an image for ${formatPlatform(platform)}: it would have more than ${runnableLayers} layers`,
          { hint: "Put more into each layer: no engine can stack so many" },
        );
      lower = this.#lay(lower, plan);
    }
    return plans;
  }

  /** What the first layer is laid on. Of a remote base whose files make no difference, nothing. */
  async #below(base: Base | undefined, platform: Platform): Promise<Lower> {
    const layers = (this.#request.spec.layers ?? []).filter((layer) => isFor(layer.platform, platform));
    if (base === undefined || layers.length === 0) return nothing;
    if (base.found.remote !== true) return lowerOf(await base.tree());
    for (const layer of layers)
      if ((layer.remove ?? []).length > 0 || needsBaseFiles(await this.#list(layer, platform), base.image.config))
        return lowerOf(await base.tree());
    return nothing;
  }

  async #planLayer(
    layer: LayerSpec,
    index: number,
    below: { platform: Platform; base: Base | undefined; lower: Lower; plans: readonly LayerPlan[] },
  ): Promise<LayerPlan> {
    const { platform, base, lower, plans } = below;
    const listed = await this.#list(layer, platform);
    let known = this.#plans.get(layer);
    if (known === undefined) this.#plans.set(layer, (known = []));
    const same = known.find((one) => one.lower === lower && one.listed === listed);
    if (same !== undefined) return same.plan;

    const options: Options = { signal: this.#request.signal };
    const { plan: made, warnings } = planLayer({
      name: layer.name ?? `layer ${index + 1}`,
      listed,
      remove: isFor(layer.platform, platform) ? (layer.remove ?? []) : [],
      lower,
      accounts: await readAccounts(listed, plans, base, options),
      mtime: folderTime(layer.mtime, this.#timestamp),
    });
    warnings.forEach(this.#warn);
    // Equal layers of images on different bases are packed once.
    const plan = known.find((one) => isSamePlan(one.plan, made))?.plan ?? made;
    known.push({ lower, listed, plan });
    return plan;
  }

  #list(layer: LayerSpec, platform: Platform): Promise<ListedEntry[]> {
    const shared = !dependsOnPlatform(layer);
    const known = shared ? this.#listed.get(layer) : undefined;
    if (known !== undefined) return known;
    const { context, cacheDir, spec, signal } = this.#request;
    const listing = listLayer(layer, {
      context,
      ignore: this.#ignore,
      platform: shared ? undefined : platform,
      timestamp: this.#timestamp,
      allowSecrets: spec.allowSecrets,
      cacheDir,
      onWarning: this.#warn,
      signal,
    });
    if (shared) this.#listed.set(layer, listing);
    return listing;
  }

  #lay(lower: Lower, plan: LayerPlan): Lower {
    let laid = this.#laid.get(lower);
    if (laid === undefined) this.#laid.set(lower, (laid = new Map()));
    const known = laid.get(plan) ?? layOn(lower, plan);
    laid.set(plan, known);
    return known;
  }
}

/** Seconds; folders that are made on the way have no source. */
function folderTime(mtime: LayerSpec["mtime"], timestamp: number): number {
  if (mtime === undefined || mtime === "source") return timestamp;
  return typeof mtime === "number" ? mtime : Math.floor(Date.parse(mtime) / 1000);
}

function describeImage(
  { spec, sourceDateEpoch }: BuildRequest,
  platform: Platform,
  base: Base | undefined,
  layers: readonly LayerPlan[],
  warn: (message: string) => void,
): PlannedImage {
  const below = base?.image.layers.length ?? 0;
  if (below + layers.length === 0)
    throw new BuildError("SPEC", `Cannot build an image for ${formatPlatform(platform)}: it would have no layer`, {
      hint: "Add a file to a layer, or name a base",
    });
  if (below + layers.length > maxLayers)
    warn(
      `The image for ${formatPlatform(platform)} has ${below + layers.length} layers: many engines take ${maxLayers} at most`,
    );
  const config = applyConfig({
    spec,
    base: base?.image.config,
    platform,
    created: readCreated(spec.created, sourceDateEpoch),
    layers: layers.map(({ name }) => name),
    onWarning: warn,
  });
  return {
    platform,
    ...(base && { base: { place: base.found.place, digest: base.image.descriptor.digest, layers: below } }),
    layers,
    config,
    annotations: { ...(base && baseAnnotations(base.found, base.image.descriptor.digest)), ...spec.annotations },
  };
}

/** RFC 3339 without a fraction of a second that says nothing. */
function readCreated(created: BuildRequest["spec"]["created"], sourceDateEpoch: number | undefined): string {
  const seconds = sourceDateEpoch ?? 0;
  const time =
    created === "now" ? Date.now() : typeof created === "string" ? Date.parse(created) : (created ?? seconds) * 1000;
  if (!Number.isFinite(time) || Math.abs(time) > 8.64e15)
    throw new BuildError("SPEC", `Cannot set created to ${JSON.stringify(created ?? seconds)}: it is no time`);
  return new Date(time).toISOString().replace(/\.000Z$/, "Z");
}
