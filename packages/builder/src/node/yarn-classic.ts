import type { Fields } from "../fields.ts";

/** Reads the yarn.lock of Yarn 1: like YAML, but with "key value", and several keys for one entry. Throws SyntaxError. */
export function parseYarnClassic(text: string): Fields {
  const entries: Record<string, unknown> = {};
  let entry: Record<string, unknown> = {};
  let section: Record<string, string> = {};
  for (const [at, line] of text.split(/\r?\n/).entries()) {
    const body = line.trim();
    if (body === "" || body.startsWith("#")) continue;
    const indent = line.length - line.trimStart().length;
    const words = Array.from(body.matchAll(word), ([, inQuotes, bare]) => inQuotes ?? bare ?? "");
    const [key = "", value = ""] = words;
    if (indent === 0 && body.endsWith(":")) {
      entry = {};
      for (const one of words) entries[one] = entry;
    } else if (indent === 2 && body.endsWith(":")) entry[key] = section = {};
    else if (indent === 2 && words.length === 2) entry[key] = value;
    else if (indent === 4 && words.length === 2) section[key] = value;
    else throw new SyntaxError(`line ${at + 1} is not understood: ${body.slice(0, 60)}`);
  }
  return entries;
}

const word = /"([^"]*)"|([^\s",]*[^\s",:])/g;
