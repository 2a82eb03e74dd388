import { dockerfileError, type Quotable } from "./dockerfile-error.ts";
import type { Dockerfile } from "./syntax.ts";

/** What the comments at the very beginning of a Dockerfile order. */
export interface Directives extends Pick<Dockerfile, "escape" | "syntax" | "check"> {
  /** How many lines they take. */
  readonly lines: number;
}

/** Reads the directives of a file. Throws DockerfileError for one that is there twice or means nothing. */
export function readDirectives(file: Quotable): Directives {
  const found = new Map<string, { readonly value: string; readonly line: number; readonly column: number }>();
  let at = file.lines[0]?.startsWith("#!") === true ? 1 : 0;
  for (; at < file.lines.length; at++) {
    const line = file.lines[at] ?? "";
    const match = /^\s*#\s*([A-Za-z][A-Za-z0-9]*)\s*=\s*(?=\S)/.exec(line);
    const name = match?.[1]?.toLowerCase() ?? "";
    if (match === null || !known.has(name)) break;
    const place = { line: at + 1, column: match[0].length + 1 };
    if (found.has(name)) throw dockerfileError(file, { ...place, column: 1 }, `There is a second "# ${name}="`);
    found.set(name, { ...place, value: line.slice(match[0].length).trim() });
  }

  const escape = found.get("escape");
  if (escape !== undefined && escape.value !== "\\" && escape.value !== "`")
    throw dockerfileError(file, escape, `Cannot escape by "${escape.value}": expected a backslash or a backtick`);
  const check = found.get("check");
  const syntax = found.get("syntax")?.value.split(" ", 1)[0];
  return {
    lines: at,
    escape: escape?.value === "`" ? "`" : "\\",
    ...(syntax === undefined ? {} : { syntax }),
    ...(check === undefined ? {} : { check: parseCheck(check.value, (why) => dockerfileError(file, check, why)) }),
  };
}

const known: ReadonlySet<string> = new Set(["syntax", "escape", "check"]);

/** Reads `skip=Rule,Rule;error=true`. Throws what `bad` makes of what is wrong. */
export function parseCheck(text: string, bad: (message: string) => Error): NonNullable<Dockerfile["check"]> {
  let skip: readonly string[] | "all" = [];
  let experimental: readonly string[] | "all" = [];
  let error = false;
  for (const part of (text.split(" ", 1)[0] ?? "").split(";")) {
    const [key = "", value] = part.split(/=(.*)/s, 2).map((side) => side.trim());
    const rules = value === "all" ? "all" : (value ?? "").split(",").map((rule) => rule.trim());
    if (key === "skip" && value !== undefined) skip = rules;
    else if (key === "experimental" && value !== undefined) experimental = rules;
    else if (key === "error" && /^(?:1|t|true|0|f|false)$/i.test(value ?? "")) error = /^(?:1|t)/i.test(value ?? "");
    else throw bad(`Cannot read "${part}" of "# check=": expected skip=, experimental= or error=true`);
  }
  return { skip, experimental, error };
}
