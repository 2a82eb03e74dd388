export { type BuiltImage, type PushOptions, type SaveOptions } from "./built-image.ts";
export type { BlobEvent, BlobKind, BlobOutcome } from "./progress/blob-events.ts";
export { ConfigError, type ConfigIssue } from "./config/config-error.ts";
export { type Config, defineConfig } from "./config/define-config.ts";
export { type AddInput, type BuildOptions, from, ImageBuilder, type LayerOptions, scratch } from "./image-builder.ts";
export type { BuildEvent, BuildSpecInput } from "@lading/builder";
export type { PullPolicy } from "./containers/image-to-run.ts";
export { run, type RunImageOptions } from "./run-image.ts";
export type { ExecResult, Readiness, RunningContainer, RunSpec } from "@lading/runner";
