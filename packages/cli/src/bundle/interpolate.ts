import type { ConfigIssue } from "../config/config-error.ts";

/** Variables that compose replaces. */
export type Variables = Readonly<Record<string, string | undefined>>;

/**
 * A value of a compose file with its variables replaced (compose-spec, Interpolation): `$NAME` and
 * `${NAME}`, with `:-` or `-` and a default, `:?` or `?` and an error, `:+` or `+` and another value;
 * `$$` is a dollar. A variable that is not set is an issue: nobody can tell the image then.
 */
export function interpolate(text: string, variables: Variables): string | ConfigIssue {
  let result = "";
  for (let at = 0; at < text.length;) {
    const [written, name = "", operator = "", word = ""] =
      /^\$\$|^\$([A-Za-z_]\w*)/.exec(text.slice(at)) ?? braced(text, at) ?? [];
    if (written === undefined && text[at] === "$")
      return { message: "A variable that is not written as one", hint: "A dollar sign is written $$" };
    if (written === undefined || written === "$$") {
      result += text[at];
      at += written?.length ?? 1;
      continue;
    }
    const value = valueOf(name, operator, word, variables);
    if (typeof value !== "string") return value;
    result += value;
    at += written.length;
  }
  return result;
}

function valueOf(name: string, operator: string, word: string, variables: Variables): string | ConfigIssue {
  const value = variables[name];
  const isSet = value !== undefined && !(operator.startsWith(":") && value === "");
  if (operator.endsWith("+")) return isSet ? interpolate(word, variables) : "";
  if (isSet) return value;
  if (operator.endsWith("-")) return interpolate(word, variables);
  return {
    message: `The variable ${name} is not set${word === "" ? "" : `: ${word}`}`,
    hint: `Set ${name} in the environment, or in a file .env beside this one`,
  };
}

/** `${…}` at `at`: all of it, and its parts. A default may hold another one. */
function braced(text: string, at: number): readonly string[] | undefined {
  let depth = 0;
  for (let end = at; end < text.length && text.startsWith("${", at); end++) {
    if (text.startsWith("${", end)) depth += 1;
    if (text[end] !== "}" || --depth > 0) continue;
    return /^\$\{([A-Za-z_]\w*)(?:(:?[-?+])(.*))?\}$/s.exec(text.slice(at, end + 1)) ?? undefined;
  }
  return undefined;
}
