export { build, planBuild } from "./build.ts";
export { checkBuild } from "./check-build.ts";
export type { FileContent, FileStat, LayerEntry, LayerPlan } from "./entry.ts";
export { BuildError, type BuildErrorCode } from "./errors.ts";
export { describeJavaArchive, type DescribedArchive, type JavaArchiveOptions } from "./java/java-archive.ts";
export { tracedLayers } from "./node/traced-layers.ts";
export { type DescribedProject, describeNodeProject, type NodeProjectOptions } from "./node/node-project.ts";
export { type JibFile, jibFileSchema } from "./jib/jib-file.ts";
export { specOfJib } from "./jib/jib-spec.ts";
export { type AddSpec, type BuildSpec, buildSpecSchema, type BuildSpecInput, type LayerSpec } from "./spec.ts";
export {
  checkDockerfile,
  type CheckOptions,
  type CheckRule,
  type DockerfileWarning,
} from "./dockerfile/check-dockerfile.ts";
export { DockerfileError, type DockerfileIssue, type SourceLocation } from "./dockerfile/dockerfile-error.ts";
export { dockerfilePlaces } from "./dockerfile/dockerfile-places.ts";
export { type DockerfileUrls, dockerfileUrls, type UnknownUrl } from "./dockerfile/dockerfile-urls.ts";
export type { DockerfileRequest, FetchedFile, FetchFileOptions } from "./dockerfile/dockerfile-request.ts";
export { parseDockerfile } from "./dockerfile/parse-dockerfile.ts";
export { urlAuthorization } from "./dockerfile/url-authorization.ts";
export { shownUrl, withoutUserinfo } from "./dockerfile/shown-url.ts";
export type { Dockerfile } from "./dockerfile/syntax.ts";
export {
  type DescribedExecutable,
  describeExecutable,
  type ExecutableOptions,
  isExecutable,
} from "./executable/executable.ts";
export { describeStaticSite, type StaticSiteOptions } from "./site/static-site.ts";
export { imageNameOf } from "./image-name.ts";
export { readIgnoreFile } from "./list/ignore.ts";
export { sourceFilter } from "./list/source-filter.ts";
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
export type { CacheStats, Prunable, PruneOptions, PruneResult } from "./pack/cache-upkeep.ts";
export {
  type Step,
  StepFailed,
  type StepFiles,
  type StepMount,
  type StepOptions,
  type StepResult,
  type StepRunner,
} from "./dockerfile/step-runner.ts";
