import { relative, resolve } from "node:path";
import { loadConfig } from "../config/config-file.ts";
import type { DescribeOptions, Description } from "./front-end.ts";

/** What a lading.yaml or lading.config.ts describes. */
export async function describeLading(
  path: string,
  { context, shown, flags, onFile }: DescribeOptions,
): Promise<Description> {
  const { dockerfile: settings, ...spec } = await loadConfig(path, shown);
  if (settings === undefined) return { spec, context };
  const { readDockerfile } = await import("./dockerfile.ts");
  const file = resolve(context, settings.file);
  onFile?.(file);
  const { dockerfile, ignoreFile } = await readDockerfile(file, {
    context,
    shown: relative(process.cwd(), file),
    flags,
    settings,
  });
  return { spec: { ...ignoreFile, ...spec }, context, dockerfile, files: [file] };
}
