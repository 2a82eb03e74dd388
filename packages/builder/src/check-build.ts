import { formatPlatform, hostPlatform, parsePlatform, type Platform, samePlatform } from "@lading/oci";
import { applyConfig } from "./config/config.ts";
import { BuildError } from "./errors.ts";
import { Archives } from "./list/archive.ts";
import { ignoreOutputs, readIgnoreFile } from "./list/ignore.ts";
import { isFor, listLayer } from "./list/list.ts";
import { parseCompression } from "./pack/compression.ts";
import type { BuildRequest } from "./result.ts";

/**
 * Checks what of a build needs no base: that all values can be, that the sources of layers are there and hold no secrets. A
 * build does so by itself. Throws BuildError.
 */
export async function checkBuild(request: Omit<BuildRequest, "locate">): Promise<void> {
  await checkValues(request);
  const { spec, context, cacheDir, sourceDateEpoch, signal } = request;
  const { layers = [], from = "scratch", ignoreFile, allowSecrets } = spec;
  const common = {
    context,
    ignore: readIgnoreFile(context, ignoreFile, request.outputs),
    outputs: ignoreOutputs(context, request.outputs),
    timestamp: sourceDateEpoch ?? 1,
    allowSecrets,
    cacheDir,
    archives: new Archives(),
    signal,
  };
  for (const platform of platformsOf(request)) {
    let found = 0;
    for (const layer of layers)
      if (isFor(layer.platform, platform)) found += (await listLayer(layer, { ...common, platform })).length;
    if (from === "scratch" && request.dockerfile === undefined && found === 0) throw withoutLayer(platform);
  }
}

/** Checks the values that a description and a Dockerfile's stages give, before anything is looked for. Throws BuildError. */
export async function checkValues(request: Omit<BuildRequest, "locate">): Promise<void> {
  const { spec, dockerfile, sourceDateEpoch } = request;
  const { tags = [] } = spec;
  const twice = tags.find((tag, index) => tags.indexOf(tag) !== index);
  if (twice !== undefined) throw new BuildError("SPEC", `Cannot tag the image "${twice}" twice`);
  for (const key of Object.keys(spec.annotations ?? {}))
    if (key === "") throw new BuildError("SPEC", "Cannot set annotations: a name is empty");
  asSpec(() => parseCompression(spec.compression));
  const created = readCreated(spec.created, sourceDateEpoch);
  const platforms = platformsOf(request);
  for (const platform of platforms) applyConfig({ spec, platform, created, layers: [] });
  if (dockerfile === undefined) return;
  if (spec.from !== undefined)
    throw new BuildError("SPEC", `Cannot build ${dockerfile.file.name} on "${spec.from}": FROM says its base`, {
      hint: "Give the base by --build-arg to an ARG before FROM, or by --build-context NAME=PLACE",
    });
  // Grammar and evaluation are for those who have a Dockerfile.
  const { readStages } = await import("./dockerfile/stages.ts");
  for (const platform of platforms) readStages(dockerfile, platform);
}

/** The platforms that are asked for. Throws BuildError SPEC. */
export function askedPlatforms({ spec: { platforms = [] } }: Pick<BuildRequest, "spec">): readonly Platform[] {
  const asked: Platform[] = [];
  for (const text of platforms) {
    const platform = asSpec(() => parsePlatform(text));
    if (asked.some((other) => samePlatform(other, platform)))
      throw new BuildError("SPEC", `Cannot build for ${text} twice`);
    asked.push(platform);
  }
  return asked;
}

/** The platforms as far as they are known without a base. */
function platformsOf(request: Pick<BuildRequest, "spec">): readonly Platform[] {
  const asked = askedPlatforms(request);
  return asked.length > 0 ? asked : [{ ...hostPlatform(), os: "linux" }];
}

/** RFC 3339 without a fraction of a second that says nothing. Throws BuildError SPEC. */
export function readCreated(created: BuildRequest["spec"]["created"], sourceDateEpoch: number | undefined): string {
  const seconds = sourceDateEpoch ?? 0;
  const time =
    created === "now" ? Date.now() : typeof created === "string" ? Date.parse(created) : (created ?? seconds) * 1000;
  if (!Number.isFinite(time) || Math.abs(time) > 8.64e15)
    throw new BuildError("SPEC", `Cannot set created to ${JSON.stringify(created ?? seconds)}: it is no time`);
  return new Date(time).toISOString().replace(/\.000Z$/, "Z");
}

export function withoutLayer(platform: Platform): BuildError {
  return new BuildError("SPEC", `Cannot build an image for ${formatPlatform(platform)}: it would have no layer`, {
    hint: "Add a file to a layer, or name a base",
  });
}

/** Does the work; what it throws is wrong with the description. */
export function asSpec<T>(work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw new BuildError("SPEC", cause instanceof Error ? cause.message : String(cause), { cause });
  }
}
