import type { BuildRequest } from "../result.ts";
import { readIgnoreFile } from "./ignore.ts";

/**
 * Tells of a path below the context, relative to it, whether it may be one of a build's sources: it is neither ignored nor one of
 * the build's outputs. Throws as `build` does for an ignore file that cannot be used.
 */
export function sourceFilter({ context, spec, outputs }: BuildRequest): (path: string) => boolean {
  const ignore = readIgnoreFile(context, spec.ignoreFile, outputs);
  return (path) => ignore?.matches(path) !== true;
}
