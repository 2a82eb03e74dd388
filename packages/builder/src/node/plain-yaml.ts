import type { Fields } from "../fields.ts";

/*
 * The YAML of lockfiles: what pnpm and Yarn write, and not what people do. Mappings by indentation, scalars on one
 * line, lists and mappings in brackets on one line. A general parser takes a second for what a build has 0.1 s for.
 * Yarn 1 writes `key value` where YAML has `key: value`.
 */

/** Reads a lockfile. Numbers and the like stay text. Throws SyntaxError for a line that fits nowhere. */
export function parsePlainYaml(text: string): Fields {
  const lines = text.split(/\r?\n/);
  const root: Record<string, unknown> = {};
  const open: Level[] = [{ indent: -1, fields: root }];
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] ?? "";
    const body = line.trimStart();
    if (body === "" || body.startsWith("#") || body === "---") continue;
    const indent = line.length - body.length;
    while (indent <= (open.at(-1)?.indent ?? -1)) open.pop();
    const level = open.at(-1) ?? fail(at, line);
    if (body.startsWith("- ")) {
      level.list ??= level.replace?.([]);
      level.list?.push(scalar(body.slice(2)));
      continue;
    }
    const entry = readEntry(body) ?? fail(at, line);
    let { value } = entry;
    const { key } = entry;
    // "? key" has its value behind a colon on the next line.
    if (value === undefined && body.startsWith("? ")) value = (lines[++at] ?? "").trim().replace(/^:\s*/, "");
    if (value !== undefined && /^[|>][-+\d]*$/.test(value)) {
      while (isDeeper(lines[at + 1], indent)) at++;
      continue;
    }
    if (value !== undefined && value !== "") {
      level.fields[key] = flow(value);
      continue;
    }
    const fields: Record<string, unknown> = {};
    level.fields[key] = fields;
    const replace = (list: unknown[]): unknown[] => (level.fields[key] = list);
    open.push({ indent, fields, replace });
  }
  return root;
}

interface Level {
  readonly indent: number;
  readonly fields: Record<string, unknown>;
  /** Makes a list of what was taken for a mapping until an item came. */
  readonly replace?: (list: unknown[]) => unknown[];
  list?: unknown[] | undefined;
}

function fail(at: number, line: string): never {
  throw new SyntaxError(`line ${at + 1} is not understood: ${line.trim().slice(0, 60)}`);
}

function isDeeper(line: string | undefined, indent: number): boolean {
  return line !== undefined && (line.trim() === "" || line.length - line.trimStart().length > indent);
}

const quoted = String.raw`"(?:[^"\\]|\\.)*"|'(?:[^']|'')*'`;
const pair = new RegExp(String.raw`^(${quoted}|[^"'].*?):(?:\s+(.*))?$`);

function readEntry(body: string): { readonly key: string; readonly value: string | undefined } | undefined {
  if (body.startsWith("? ")) return { key: unquote(body.slice(2).trim()), value: undefined };
  const found = pair.exec(body);
  return found === null ? undefined : { key: unquote(found[1] ?? ""), value: found[2] };
}

function unquote(text: string): string {
  if (text.startsWith('"')) return text.slice(1, -1).replaceAll(/\\(.)/g, "$1");
  return text.startsWith("'") ? text.slice(1, -1).replaceAll("''", "'") : text;
}

function scalar(text: string): string {
  const trimmed = text.trim();
  const whole = new RegExp(`^(?:${quoted})`).exec(trimmed);
  return whole === null ? trimmed.replace(/\s+#.*$/, "") : unquote(whole[0]);
}

/** A value on one line: a scalar, or brackets with what lockfiles put into them. */
function flow(text: string): unknown {
  const trimmed = text.trim();
  if (trimmed.startsWith("[")) return split(trimmed).map(scalar);
  if (!trimmed.startsWith("{")) return scalar(trimmed);
  return Object.fromEntries(
    split(trimmed).map((member) => {
      const entry = readEntry(member);
      return [entry?.key ?? member, flow(entry?.value ?? "")];
    }),
  );
}

/** What is between the brackets, at its commas. */
function split(text: string): string[] {
  const inner = text.slice(1, text.lastIndexOf(text.startsWith("[") ? "]" : "}"));
  return (inner.match(new RegExp(String.raw`(?:${quoted}|\[[^\]]*\]|[^,])+`, "g")) ?? [])
    .map((part) => part.trim())
    .filter((part) => part !== "");
}
