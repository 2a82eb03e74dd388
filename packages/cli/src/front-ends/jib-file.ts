import { type JibFile, jibFileSchema, specOfJib } from "@lading/builder";
import { readConfigText } from "../config/config-file.ts";
import { type FileKind, parseValue } from "../config/config-issues.ts";
import { jibParameters } from "../config/jib-flags.ts";
import { parseYaml } from "../config/yaml-config.ts";
import type { Description, DescribeOptions } from "./front-end.ts";
import { fillTemplate } from "./jib-template.ts";

/** What a build file of the Jib CLI describes. */
export async function describeJib(path: string, { context, shown, flags }: DescribeOptions): Promise<Description> {
  const text = fillTemplate(await readConfigText(path, shown), jibParameters(flags), shown);
  const kind: FileKind<JibFile> = { schema: jibFileSchema(context), what: "the build file" };
  const file = await parseYaml(text, shown, async (value, options) => await parseValue(kind, value, shown, options));
  const warnings =
    file.format === "Docker"
      ? [`"format: Docker" in ${shown} changes nothing: media types are those of OCI, which Docker reads too`]
      : [];
  return { spec: specOfJib(file, context), context, warnings, ...(choosesFiles(file) ? { advice } : {}) };
}

const advice = "Patterns are written out file by file: when files come or go, write it anew with --force.";

function choosesFiles({ layers }: JibFile): boolean {
  const files = layers?.entries.flatMap((entry) => ("files" in entry ? entry.files : [])) ?? [];
  return files.some(({ includes = [], excludes = [] }) => includes.length + excludes.length > 0);
}
