export { build, planBuild } from "./build.ts";
export type { FileContent, FileStat, LayerEntry, LayerPlan } from "./entry.ts";
export { BuildError, type BuildErrorCode } from "./errors.ts";
export { type AddSpec, type BuildSpec, buildSpecSchema, type BuildSpecInput, type LayerSpec } from "./spec.ts";
export type { BuildEvent, LayerReuse } from "./progress.ts";
export type {
  BuildPlan,
  BuildRequest,
  BuildResult,
  BuiltImage,
  BuiltLayer,
  LayerExplanation,
  LocatedBase,
  PlannedImage,
} from "./result.ts";
export { type Compression, formatCompression, parseCompression } from "./pack/compression.ts";
export { LayerCache } from "./pack/layer-cache.ts";
export type { CacheStats, PruneOptions, PruneResult } from "./pack/cache-upkeep.ts";
