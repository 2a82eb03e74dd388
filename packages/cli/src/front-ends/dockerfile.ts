import { existsSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { type DockerfileRequest, parseDockerfile } from "@lading/builder";
import { readConfigText, standardInput } from "../config/config-file.ts";
import type { DockerfileSettings } from "../config/description-file.ts";
import { dockerfileFlags } from "../config/dockerfile-flags.ts";
import type { DescribeOptions, Description } from "./front-end.ts";

/** A Dockerfile as a description. Throws DockerfileError, or UsageError when the file cannot be read. */
export async function describeDockerfile(path: string, options: DescribeOptions): Promise<Description> {
  const { dockerfile, ignoreFile } = await readDockerfile(path, options);
  return { spec: { ...ignoreFile }, context: options.context, dockerfile, advice };
}

const advice = "Layers, env and whatever else is written here are laid on what the Dockerfile makes.";

/** A Dockerfile, what a description says of it, and flags over that; beside it the ignore file that is its own. */
export async function readDockerfile(
  path: string,
  {
    context,
    shown,
    flags,
    settings,
  }: Pick<DescribeOptions, "context" | "shown" | "flags"> & { readonly settings?: DockerfileSettings },
): Promise<{ readonly dockerfile: DockerfileRequest; readonly ignoreFile?: { readonly ignoreFile: string } }> {
  const file = parseDockerfile(await readConfigText(path, shown), shown);
  const dockerfile = { ...dockerfileFlags(flags, { settings, context }), file };
  const ignoreFile = ignoreFileOf(path, context);
  return ignoreFile === undefined ? { dockerfile } : { dockerfile, ignoreFile: { ignoreFile } };
}

/** `NAME.dockerignore` beside the Dockerfile goes before the context's own. */
function ignoreFileOf(path: string, context: string): string | undefined {
  if (path === standardInput) return undefined;
  const own = join(dirname(path), `${basename(path)}.dockerignore`);
  return existsSync(own) ? relative(context, own) : undefined;
}
