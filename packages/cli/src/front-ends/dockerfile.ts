import { existsSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { parseDockerfile } from "@lading/builder";
import { readConfigText, standardInput } from "../config/config-file.ts";
import { dockerfileFlags } from "../config/dockerfile-flags.ts";
import type { DescribeOptions, Description } from "./front-end.ts";

/** A Dockerfile as a description. Throws DockerfileError, or UsageError when the file cannot be read. */
export async function describeDockerfile(
  path: string,
  { context, shown, flags }: DescribeOptions,
): Promise<Description> {
  const file = parseDockerfile(await readConfigText(path, shown), shown);
  const ignoreFile = ignoreFileOf(path, context);
  return {
    spec: ignoreFile === undefined ? {} : { ignoreFile },
    context,
    dockerfile: { ...dockerfileFlags(flags), file },
  };
}

/** `NAME.dockerignore` beside the Dockerfile goes before the context's own. */
function ignoreFileOf(path: string, context: string): string | undefined {
  if (path === standardInput) return undefined;
  const own = join(dirname(path), `${basename(path)}.dockerignore`);
  return existsSync(own) ? relative(context, own) : undefined;
}
