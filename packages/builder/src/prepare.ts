import { formatPlatform, type ImageConfig, type Options, type Platform } from "@lading/oci";
import { type Base, baseAnnotations, defaultPlatforms, type FoundBase, lowerOf, openBase } from "./base/base.ts";
import { askedPlatforms, checkValues, readCreated, withoutLayer } from "./check-build.ts";
import { applyConfig, changesConfig } from "./config/config.ts";
import type { DockerfileRequest } from "./dockerfile/dockerfile-request.ts";
import type { LayerPlan } from "./entry.ts";
import { BuildError } from "./errors.ts";
import { ignoreOutputs, readIgnoreFile } from "./list/ignore.ts";
import { hasNames, readAccounts } from "./base/image-accounts.ts";
import { needsBaseFiles } from "./base/needed-files.ts";
import { Archives } from "./list/archive.ts";
import { dependsOnPlatform, findLayer, type FoundLayer, isFor } from "./list/list.ts";
import { layOn, type Lower, nothing } from "./plan/lower.ts";
import type { Matcher } from "./list/patterns.ts";
import type { Packing } from "./pack/packing.ts";
import type { KnownLayer, PlanMemory } from "./pack/plan-memory.ts";
import { planLayer } from "./plan/plan.ts";
import { countEntries } from "./plan/remembered-plan.ts";
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

/**
 * Finds out everything about a build that can be known without reading files' contents; with `packing` the RUN
 * instructions of a Dockerfile are run for it. Throws BuildError.
 */
export async function prepareBuild(request: BuildRequest, packing?: Packing): Promise<Prepared> {
  const begun = performance.now();
  const { spec, onEvent } = request;
  await checkValues(request);
  const warnings: string[] = [];
  const warn = (message: string): void => {
    if (warnings.includes(message)) return;
    warnings.push(message);
    onEvent?.({ type: "warning", message });
  };
  const { foundations, found } =
    request.dockerfile === undefined
      ? await openBases(request)
      : await evaluateStages(request, request.dockerfile, { packing, warn });
  const based = performance.now();

  const listedAt = Date.now();
  const planner = new Planner(request, listedAt, { plans: packing?.plans, warn });
  const images: PlannedImage[] = [];
  for (const foundation of foundations) {
    const layers = await planner.planImage(foundation);
    images.push(describeImage(request, foundation, layers, warn));
  }
  const indexAnnotations = { ...(found && baseAnnotations(found, found.descriptor.digest)), ...spec.annotations };
  return {
    plan: { images, indexAnnotations, warnings },
    bases: foundations.map(({ base }) => base),
    listedAt,
    timings: { base: based - begun, list: performance.now() - based },
  };
}

interface Foundations {
  /** One for each platform. */
  readonly foundations: readonly Foundation[];
  /** The description's own base. */
  readonly found?: FoundBase | undefined;
}

/** The base that a description names, for each platform. */
async function openBases(request: BuildRequest): Promise<Foundations> {
  const { spec, signal, onEvent, cacheDir } = request;
  const found = await findBase(request);
  const foundations: Foundation[] = [];
  for (const platform of await choosePlatforms(request, found)) {
    const base = found && (await openBase(found, platform, cacheDir, { signal }));
    if (base === undefined) {
      foundations.push({ platform, base, layers: [], config: undefined });
      continue;
    }
    const { image } = base;
    onEvent?.({
      type: "base",
      place: base.found.place,
      platform: formatPlatform(image.platform),
      digest: image.descriptor.digest,
    });
    const { rootfs: _, ...config } = image.config;
    foundations.push({ platform: image.platform, base, layers: [], config });
  }
  // The files of a base are only of interest when something is laid on them; of a remote one, see `Planner`.
  if ((spec.layers ?? []).length > 0)
    for (const { base } of foundations) if (base !== undefined && base.found.remote !== true) await base.tree();
  return { foundations, found };
}

/** What a Dockerfile makes, for each platform. */
async function evaluateStages(
  request: BuildRequest,
  dockerfile: DockerfileRequest,
  { packing, warn }: { readonly packing: Packing | undefined; readonly warn: (message: string) => void },
): Promise<Foundations> {
  // Grammar and evaluation are for those who have a Dockerfile.
  const { StageEvaluation } = await import("./dockerfile/evaluate-stages.ts");
  const created = readCreated(request.spec.created, request.sourceDateEpoch);
  const evaluation = new StageEvaluation(request, dockerfile, { created, packing, warn });
  return { foundations: await evaluation.evaluate(await choosePlatforms(request, undefined)) };
}

async function findBase({ spec, locate, signal }: BuildRequest): Promise<FoundBase | undefined> {
  const place = spec.from ?? "scratch";
  return place === "scratch" ? undefined : { ...(await locate(place, { signal })), place };
}

async function choosePlatforms(request: BuildRequest, found: FoundBase | undefined): Promise<readonly Platform[]> {
  const asked = askedPlatforms(request);
  return asked.length > 0 ? asked : await defaultPlatforms(found, { signal: request.signal });
}

/** What layers are laid on: a base, and what a Dockerfile has put on it. */
interface Foundation {
  readonly platform: Platform;
  readonly base: Base | undefined;
  readonly layers: readonly LayerPlan[];
  /** The files so far. Default: those of the base, read when that is due. */
  readonly lower?: Lower;
  /** Undefined FROM scratch. */
  readonly config: Omit<ImageConfig, "rootfs"> | undefined;
}

/** Plans the layers of one image after the other; what several need is done once. */
class Planner {
  readonly #request: BuildRequest;
  readonly #listedAt: number;
  readonly #memory: PlanMemory | undefined;
  readonly #warn: (message: string) => void;
  readonly #timestamp: number;
  readonly #ignore: Matcher | undefined;
  readonly #outputs: Matcher | undefined;
  readonly #archives = new Archives();
  readonly #found = new Map<LayerSpec, Promise<FoundLayer>>();
  /** By what they are laid on: FROM scratch, all images have the same layers below. */
  readonly #laid = new Map<Lower, Map<LayerPlan, Lower>>();
  readonly #plans = new Map<
    LayerSpec,
    { readonly lower: Lower; readonly found: FoundLayer; readonly plan: LayerPlan }[]
  >();

  constructor(
    request: BuildRequest,
    listedAt: number,
    { plans, warn }: { readonly plans: PlanMemory | undefined; readonly warn: (message: string) => void },
  ) {
    this.#request = request;
    this.#listedAt = listedAt;
    this.#memory = plans;
    this.#warn = warn;
    this.#timestamp = request.sourceDateEpoch ?? 1;
    this.#ignore = readIgnoreFile(request.context, request.spec.ignoreFile, request.outputs);
    this.#outputs = ignoreOutputs(request.context, request.outputs);
  }

  /** All layers of the image that are not the base's. */
  async planImage({ platform, base, layers, lower: laid }: Foundation): Promise<readonly LayerPlan[]> {
    const plans: LayerPlan[] = [...layers];
    const drafts = await this.#draft(platform, laid === undefined ? base : "stages");
    let lower = laid ?? (await this.#below(base, platform, drafts));
    const isOnBase = lower !== nothing;
    for (const draft of drafts) {
      const plan = await this.#planLayer(draft, { platform, base, isOnBase, lower, plans });
      if (countEntries(plan) === 0) continue;
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

  /** The layers, as far as they can be told without what they are laid on. */
  async #draft(platform: Platform, base: Base | "stages" | undefined): Promise<readonly Draft[]> {
    const drafts: Draft[] = [];
    let key = base === "stages" ? undefined : keyOfBase(base);
    for (const [index, layer] of (this.#request.spec.layers ?? []).entries()) {
      const found = await this.#find(layer, platform);
      key = key === undefined || found.key === undefined ? undefined : this.#memory?.key(key, found.key);
      const known = key === undefined ? undefined : this.#memory?.recall(key);
      drafts.push({ layer, name: layer.name ?? `layer ${index + 1}`, found, key, known });
      // Its key may name other files too, and so would those of the layers above.
      if (!found.isSettled(this.#listedAt)) key = undefined;
    }
    return drafts;
  }

  /** What the first layer is laid on. Of a remote base whose files make no difference, nothing. */
  async #below(base: Base | undefined, platform: Platform, drafts: readonly Draft[]): Promise<Lower> {
    const own = drafts.filter(({ layer }) => isFor(layer.platform, platform));
    if (base === undefined || own.length === 0) return nothing;
    return base.found.remote !== true || own.some((draft) => needsBase(draft, base))
      ? lowerOf(await base.tree())
      : nothing;
  }

  async #planLayer(
    { layer, name, found, key, known }: Draft,
    below: {
      platform: Platform;
      base: Base | undefined;
      /** Whether the base's files are in `lower`. */
      isOnBase: boolean;
      lower: Lower;
      plans: readonly LayerPlan[];
    },
  ): Promise<LayerPlan> {
    const { platform, base, isOnBase, lower, plans } = below;
    let made = this.#plans.get(layer);
    if (made === undefined) this.#plans.set(layer, (made = []));
    const same = made.find((one) => one.lower === lower && one.found === found);
    if (same !== undefined) return same.plan;

    const mtime = folderTime(layer.mtime, this.#timestamp);
    const memory = this.#memory;
    // Another layer may be why a remote base is read, and may not have been there when this one was remembered.
    if (known?.facts.isOnBase === isOnBase && memory !== undefined) {
      known.facts.warnings.forEach(this.#warn);
      const draft = { name, remove: [], lower, accounts: undefined, mtime };
      const recalled = memory.planOf(name, known, () => planLayer({ ...draft, listed: found.list() }).plan.entries);
      const plan = made.find((one) => isSamePlan(one.plan, recalled))?.plan ?? recalled;
      made.push({ lower, found, plan });
      return plan;
    }

    const options: Options = { signal: this.#request.signal };
    const listed = found.list();
    const remove = isFor(layer.platform, platform) ? (layer.remove ?? []) : [];
    const accounts = await readAccounts(listed, plans, base, options);
    const { plan: planned, warnings } = planLayer({ name, listed, remove, lower, accounts, mtime });
    warnings.forEach(this.#warn);
    // Equal layers of images on different bases are packed once.
    const plan = made.find((one) => isSamePlan(one.plan, planned))?.plan ?? planned;
    made.push({ lower, found, plan });
    const isKept = key !== undefined && found.isSettled(this.#listedAt) && remove.length === 0 && !hasNames(listed);
    if (isKept)
      memory?.note(plan, {
        key,
        warnings,
        needsBase: base?.found.remote === true && needsBase({ layer, found }, base),
        isOnBase,
      });
    return plan;
  }

  #find(layer: LayerSpec, platform: Platform): Promise<FoundLayer> {
    const shared = !dependsOnPlatform(layer);
    const known = shared ? this.#found.get(layer) : undefined;
    if (known !== undefined) return known;
    const { context, cacheDir, spec, signal } = this.#request;
    const finding = findLayer(layer, {
      context,
      ignore: this.#ignore,
      outputs: this.#outputs,
      platform: shared ? undefined : platform,
      timestamp: this.#timestamp,
      allowSecrets: spec.allowSecrets,
      cacheDir,
      archives: this.#archives,
      onWarning: this.#warn,
      signal,
    });
    if (shared) this.#found.set(layer, finding);
    return finding;
  }

  #lay(lower: Lower, plan: LayerPlan): Lower {
    let laid = this.#laid.get(lower);
    if (laid === undefined) this.#laid.set(lower, (laid = new Map()));
    const known = laid.get(plan) ?? layOn(lower, plan, this.#memory?.answersOf(plan));
    laid.set(plan, known);
    return known;
  }
}

/** A layer whose files are found, before it is laid on others. */
interface Draft {
  readonly layer: LayerSpec;
  readonly name: string;
  readonly found: FoundLayer;
  /** Names all that its plan depends on; undefined when something else may have a say. */
  readonly key: string | undefined;
  readonly known: KnownLayer | undefined;
}

/** Whether the files of a remote base have a say in what becomes of a layer. */
function needsBase({ layer, found, known }: Pick<Draft, "layer" | "found"> & Partial<Draft>, { image }: Base): boolean {
  return known?.facts.needsBase ?? ((layer.remove ?? []).length > 0 || needsBaseFiles(found.list(), image.config));
}

function keyOfBase(base: Base | undefined): string {
  return base === undefined ? "scratch" : `${base.image.descriptor.digest} ${base.found.remote === true}`;
}

/** Seconds; folders that are made on the way have no source. */
function folderTime(mtime: LayerSpec["mtime"], timestamp: number): number {
  if (mtime === undefined || mtime === "source" || mtime === "epoch") return timestamp;
  return typeof mtime === "number" ? mtime : Math.floor(Date.parse(mtime) / 1000);
}

function describeImage(
  { spec, dockerfile, sourceDateEpoch }: BuildRequest,
  { platform, base, layers: before, config: below }: Foundation,
  layers: readonly LayerPlan[],
  warn: (message: string) => void,
): PlannedImage {
  const inherited = base?.image.layers.length ?? 0;
  const count = inherited + layers.length;
  if (count === 0) throw withoutLayer(platform);
  if (count > maxLayers)
    warn(`The image for ${formatPlatform(platform)} has ${count} layers: many engines take ${maxLayers} at most`);
  const created = readCreated(spec.created, sourceDateEpoch);
  const isWhole = dockerfile !== undefined && layers.length === before.length && !changesConfig(spec);
  const config =
    isWhole && below !== undefined
      ? { ...below, created }
      : applyConfig({
          spec,
          base: below && { ...below, layers: inherited + before.length },
          platform,
          created,
          layers: layers.slice(before.length).map(({ name }) => name),
          onWarning: warn,
        });
  return {
    platform,
    ...(base && { base: { place: base.found.place, digest: base.image.descriptor.digest, layers: inherited } }),
    layers,
    config,
    annotations: { ...(base && baseAnnotations(base.found, base.image.descriptor.digest)), ...spec.annotations },
  };
}
