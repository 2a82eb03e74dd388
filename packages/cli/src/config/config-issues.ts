import { type BuildSpec, buildSpecSchema, type SourceLocation } from "@lading/builder";
import * as z from "zod";
import { ConfigError, type ConfigIssue } from "./config-error.ts";
import { type DescriptionFile, descriptionSchema } from "./description-file.ts";
import { nearest } from "../usage.ts";

type Issue = z.core.$ZodIssue;

/** Finds where the value at `path`, or its key `key`, is written. */
export type Locate = (path: readonly PropertyKey[], key?: string) => SourceLocation | undefined;

/** A kind of file that people write: what may be in it, and how messages call it. */
export interface FileKind<T> {
  readonly schema: z.ZodType<T>;
  readonly what: string;
}

const what = "the build description";

/** Checks a build description that no file holds, and says in a person's words what is wrong. Throws ConfigError. */
export async function parseSpec(value: unknown): Promise<BuildSpec> {
  return await parseValue({ schema: buildSpecSchema, what }, value, "");
}

/** The same for one that was read from `file`. Throws ConfigError. */
export async function parseDescription(
  value: unknown,
  file: string,
  options: { readonly locate?: Locate } = {},
): Promise<DescriptionFile> {
  return await parseValue({ schema: descriptionSchema, what }, value, file, options);
}

/** The same for a file of another kind. Throws ConfigError. */
export async function parseValue<T>(
  kind: FileKind<T>,
  value: unknown,
  file: string,
  { locate }: { readonly locate?: Locate } = {},
): Promise<T> {
  const result = await kind.schema.safeParseAsync(value);
  if (result.success) return result.data;
  const found = result.error.issues.flatMap((issue) => describe(issue, value, kind));
  const issues = found.map(({ message, hint, path, key }): ConfigIssue => {
    const location = locate?.(path, key);
    return { message: location === undefined && file !== "" ? `${message} (${file})` : message, hint, location };
  });
  throw new ConfigError(issues, { cause: result.error });
}

interface Described {
  readonly message: string;
  readonly hint?: string | undefined;
  readonly path: readonly PropertyKey[];
  readonly key?: string;
}

function describe(
  issue: Issue,
  root: unknown,
  kind: FileKind<unknown>,
  base: readonly PropertyKey[] = [],
): Described[] {
  const path = [...base, ...issue.path];
  const value = valueAt(root, path);
  if (issue.code === "unrecognized_keys") return issue.keys.map((key) => unknownKey(key, path, kind));
  if (issue.code === "invalid_union") {
    const branches = issue.errors.map((errors) => [...errors]);
    const best = bestBranch(branches, value);
    if (best !== undefined) return best.flatMap((inner) => describe(inner, root, kind, path));
    return [mismatch(path, value, expectedOf(branches.flat()), kind)];
  }
  if (isKindIssue(issue))
    return [value === undefined ? missing(path, kind) : mismatch(path, value, expectedOf([issue]), kind)];
  const message = `${title(path, kind)}: ${show(value)} is not valid: ${issue.message}`;
  return [{ message, path, hint: quoteHint(path, value) }];
}

function unknownKey(key: string, path: readonly PropertyKey[], kind: FileKind<unknown>): Described {
  const known = keysAt(path, kind);
  const meant = nearest(key, known) ?? habits.get(key);
  const where = path.length === 0 ? "" : ` in ${title(path, kind)}`;
  const hint =
    meant !== undefined && known.includes(meant)
      ? `Did you mean "${meant}"?`
      : known.length === 0
        ? undefined
        : `Known keys: ${known.join(", ")}`;
  return { message: `Unknown key "${key}"${where}`, path, key, hint };
}

function missing(path: readonly PropertyKey[], kind: FileKind<unknown>): Described {
  const parent = path.slice(0, -1);
  return { message: `Missing key "${String(path.at(-1))}" in ${title(parent, kind)}`, path: parent };
}

function mismatch(path: readonly PropertyKey[], value: unknown, expected: string, kind: FileKind<unknown>): Described {
  return {
    message: `${title(path, kind)}: expected ${expected}, found ${show(value)}`,
    path,
    hint: quoteHint(path, value),
  };
}

// Of the alternatives whose kind of value this is, the one with the fewest complaints is what was
// meant; when no alternative takes this kind of value, they are listed instead.
function bestBranch(branches: Issue[][], value: unknown): Issue[] | undefined {
  const possible = branches.filter((issues) => !issues.some((issue) => issue.path.length === 0 && isKindIssue(issue)));
  const cost = (issues: Issue[]): number =>
    issues.reduce((sum, issue) => sum + (issue.code === "unrecognized_keys" ? issue.keys.length : 1), 0);
  // A mapping that has an alternative's telling key means that alternative, however wrong the rest is.
  const tell = (issues: Issue[]): number =>
    issues.some(
      (issue) =>
        issue.path.length === 1 &&
        typeof issue.path[0] === "string" &&
        telling.has(issue.path[0]) &&
        !has(value, issue.path[0]),
    )
      ? 10
      : 0;
  return possible.toSorted((a, b) => cost(a) + tell(a) - cost(b) - tell(b))[0];
}

const telling = new Set(["src", "content", "symlink", "directory", "files", "archive"]);

function isKindIssue(issue: Issue): boolean {
  return issue.code === "invalid_type" || issue.code === "invalid_value";
}

function expectedOf(issues: readonly Issue[]): string {
  const kinds = issues.map((issue) => {
    if (issue.code === "invalid_value") return issue.values.map((value) => JSON.stringify(value)).join(" or ");
    if (issue.code === "invalid_type") return kindNames.get(issue.expected) ?? issue.expected;
    return issue.message;
  });
  return [...new Set(kinds)].join(" or ");
}

const kindNames = new Map([
  ["string", "text"],
  ["int", "a whole number"],
  ["number", "a number"],
  ["boolean", "true or false"],
  ["array", "a list"],
  ["object", "a mapping"],
  ["record", "a mapping"],
]);

function show(value: unknown): string {
  if (value === null) return "nothing";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a mapping";
  if (typeof value === "bigint") return `${value}n`;
  const text = JSON.stringify(value) ?? "no value";
  return text.length > 80 ? `${text.slice(0, 79)}…` : text;
}

// YAML reads 0644 as the number 644, whose octal digits are others.
function quoteHint(path: readonly PropertyKey[], value: unknown): string | undefined {
  const key = path.at(-1);
  if (typeof value === "number" && (key === "mode" || key === "dirMode"))
    return `Write the digits in quotes: ${key}: "${String(value).padStart(4, "0")}"`;
  return undefined;
}

/** "layers[0].add[2].mode"; "the build description" for the root of one. */
function title(path: readonly PropertyKey[], { what }: FileKind<unknown>): string {
  if (path.length === 0) return what;
  return path
    .map((step) => (typeof step === "number" ? `[${step}]` : `.${String(step)}`))
    .join("")
    .replace(/^\./, "");
}

function has(value: unknown, key: string): boolean {
  return typeof value === "object" && value !== null && Object.hasOwn(value, key);
}

function valueAt(root: unknown, path: readonly PropertyKey[]): unknown {
  let at = root;
  for (const step of path)
    at = typeof at === "object" && at !== null && Object.hasOwn(at, step) ? Reflect.get(at, step) : undefined;
  return at;
}

// Keys as other tools call them.
const habits = new Map([
  ["base", "from"],
  ["image", "from"],
  ["command", "cmd"],
  ["args", "cmd"],
  ["environment", "env"],
  ["ports", "expose"],
  ["exposedPorts", "expose"],
  ["working_dir", "workdir"],
  ["workingDirectory", "workdir"],
  ["working_directory", "workdir"],
  ["stop_signal", "stopSignal"],
  ["source", "src"],
  ["destination", "dest"],
  ["target", "dest"],
  ["to", "dest"],
  ["files", "add"],
  ["copy", "add"],
  ["entries", "layers"],
  ["ignore", "exclude"],
  ["excludes", "exclude"],
  ["includes", "include"],
  ["permissions", "mode"],
  ["filePermissions", "mode"],
  ["directoryPermissions", "dirMode"],
  ["timestamp", "mtime"],
  ["chown", "owner"],
  ["chmod", "mode"],
]);

// The keys that the schema knows at a path, read from the JSON Schema: it names every alternative.
function keysAt(path: readonly PropertyKey[], { schema }: FileKind<unknown>): string[] {
  let nodes: unknown[] = [z.toJSONSchema(schema, { io: "input", unrepresentable: "any" })];
  for (const step of path) nodes = nodes.flatMap(alternatives).flatMap((node) => child(node, step));
  return [...new Set(nodes.flatMap(alternatives).flatMap((node) => Object.keys(objectAt(node, "properties"))))].filter(
    (key) => key !== "$schema",
  );
}

function alternatives(node: unknown): unknown[] {
  const anyOf = typeof node === "object" && node !== null && "anyOf" in node ? node.anyOf : undefined;
  return Array.isArray(anyOf) ? anyOf.flatMap(alternatives) : [node];
}

function child(node: unknown, step: PropertyKey): unknown[] {
  if (typeof step === "number") return typeof node === "object" && node !== null && "items" in node ? [node.items] : [];
  const properties = objectAt(node, "properties");
  return Object.hasOwn(properties, step) ? [Reflect.get(properties, step)] : [];
}

function objectAt(node: unknown, key: string): object {
  const value: unknown = typeof node === "object" && node !== null ? Reflect.get(node, key) : undefined;
  return typeof value === "object" && value !== null ? value : {};
}
