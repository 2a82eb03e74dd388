import { misread } from "./misread.ts";

/** `--name`, as docker and podman have names. Throws UsageError. */
export function parseName(text: string): string {
  if (/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(text)) return text;
  throw misread("name", text, "expected letters, digits, _ . and -, the first a letter or a digit");
}

/** `NAME=VALUE` pairs of `--label` and `--sysctl`; a label without a value is empty. Throws UsageError. */
export function parsePairs(flag: "label" | "sysctl", texts: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    texts.map((text) => {
      const equals = text.indexOf("=");
      if (equals === 0 || text === "" || (equals === -1 && flag === "sysctl"))
        throw misread(flag, text, "expected NAME=VALUE");
      return equals === -1 ? [text, ""] : [text.slice(0, equals), text.slice(equals + 1)];
    }),
  );
}

/** `--entrypoint`: a JSON array, or one word; "" is none. Throws UsageError. */
export function parseEntrypoint(text: string): readonly string[] {
  if (text === "") return [];
  if (!text.trimStart().startsWith("[")) return [text];
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch {
    throw misread("entrypoint", text, "it is not valid JSON", `For instance '["node", "server.js"]'`);
  }
  if (Array.isArray(list) && list.every((item) => typeof item === "string")) return list;
  throw misread("entrypoint", text, "expected a JSON array of strings, or one word");
}
