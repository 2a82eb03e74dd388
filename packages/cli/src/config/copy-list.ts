import { parseReference } from "@lading/oci";
import * as z from "zod";
import { ConfigError } from "./config-error.ts";
import { readConfigText } from "./config-file.ts";
import { parseValue } from "./config-issues.ts";
import { parseYaml } from "./yaml-config.ts";

const strings = z.union([z.string(), z.array(z.string())]).transform((value) => [value].flat());

const pattern = z
  .string()
  .refine(isPattern, "expected a tag, a pattern with * and ?, or a regular expression in slashes");
const patterns = z.union([pattern, z.array(pattern)]).transform((value) => [value].flat());

const entry = z.strictObject({
  source: z.string().describe("A place; for several tags a repository without one"),
  target: z.string().describe("A place; for several tags a repository, whose tags are the source's"),
  tags: patterns
    .optional()
    .describe("Tags to copy: names, patterns with * and ?, regular expressions in slashes (/^1\\.2[67]/)"),
  exclude: patterns.optional().describe("Tags to leave out, in the same forms"),
  platforms: strings.optional().describe("Default: all"),
  referrers: z.boolean().optional().describe("Whether signatures, SBOMs and attestations come along. Default: true"),
});

const listSchema = z.strictObject({
  $schema: z.string().optional(),
  images: z.array(entry).describe("What to copy, in this order"),
});

/** One entry of a list for `lading copy --file`. */
export type CopyEntry = z.output<typeof entry>;

/** Reads a list of images to copy. Throws ConfigError, or UsageError when the file cannot be read. */
export async function loadCopyList(path: string): Promise<readonly CopyEntry[]> {
  const text = await readConfigText(path);
  return await parseYaml(text, path, async (value, options) => {
    const kind = { schema: listSchema, what: "the list" };
    const { images } = await parseValue(kind, value, path, options);
    for (const [index, image] of images.entries()) {
      const problem = problemOf(image);
      if (problem === undefined) continue;
      throw new ConfigError([{ ...problem, location: options.locate(["images", index, "source"]) }]);
    }
    return images;
  });
}

function problemOf({ source, tags, exclude }: CopyEntry): { message: string; hint?: string } | undefined {
  if (tags === undefined)
    return exclude === undefined ? undefined : { message: "`exclude` has no meaning without `tags`" };
  try {
    const { tag, digest } = parseReference(source.replace(/^docker:\/\//, ""));
    if (tag === undefined && digest === undefined) return undefined;
  } catch {
    // A layout or archive: it names what it holds.
  }
  return {
    message: `Cannot choose tags of "${source}": it is no repository`,
    hint: "Write the repository alone, or leave `tags` out",
  };
}

/** A test for tags by patterns, and the names among them that are no pattern. */
export interface TagFilter {
  readonly exact: readonly string[];
  readonly hasPatterns: boolean;
  matches(tag: string): boolean;
}

export function tagFilter(include: readonly string[], exclude: readonly string[] = []): TagFilter {
  const included = include.map(toRegExp);
  const excluded = exclude.map(toRegExp);
  const matches = (tag: string): boolean =>
    included.some((one) => one.test(tag)) && !excluded.some((one) => one.test(tag));
  const exact = include.filter((one) => !isRegExp(one) && !/[*?]/.test(one));
  return { exact: exact.filter(matches), hasPatterns: exact.length < include.length, matches };
}

function isRegExp(text: string): boolean {
  return text.length > 2 && text.startsWith("/") && text.endsWith("/");
}

function toRegExp(text: string): RegExp {
  if (isRegExp(text)) return new RegExp(text.slice(1, -1), "u");
  const source = text.replaceAll(/[.*?]/g, (char) => (char === "*" ? ".*" : char === "?" ? "." : "\\."));
  return new RegExp(`^${source}$`, "u");
}

function isPattern(text: string): boolean {
  if (!isRegExp(text)) return /^[\w.*?-]+$/.test(text);
  try {
    toRegExp(text);
    return true;
  } catch {
    return false;
  }
}
