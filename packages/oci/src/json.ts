import { OciError } from "./errors.ts";

export interface JsonLimits {
  /** Bytes; 4 MiB, the limit registries have for a manifest, when not given. */
  readonly limit?: number;
  /** Objects and arrays inside each other; 100 when not given. */
  readonly depth?: number;
  /** What the text is, for the error: "manifest sha256:…". */
  readonly what?: string;
}

/** The size no JSON document of an image may pass (distribution-spec §Pushing Manifests). */
export const documentLimit: number = 4 * 1024 * 1024;

/**
 * Parses JSON that came from outside and that others will parse too. What two parsers could read
 * differently is refused: duplicate keys, a byte order mark, bytes that are not UTF-8; so are
 * documents that are too long or too deep. `__proto__` is a key like any other. Throws OciError
 * INVALID_DOCUMENT or LIMIT_EXCEEDED with line and column.
 */
export function parseJson(input: Uint8Array | string, limits: JsonLimits = {}): unknown {
  const { limit = documentLimit, depth = 100, what = "JSON" } = limits;
  const size = typeof input === "string" ? Buffer.byteLength(input) : input.byteLength;
  if (size > limit) throw new OciError("LIMIT_EXCEEDED", `Cannot read ${what}: ${size} bytes are more than ${limit}`);

  const text = typeof input === "string" ? input : decodeUtf8(input, what);
  if (text.startsWith("\uFEFF")) throw invalid(what, "it begins with a byte order mark", text, 0);
  scan(text, depth, what);
  try {
    const value: unknown = JSON.parse(text);
    return value;
  } catch (cause) {
    throw new OciError(
      "INVALID_DOCUMENT",
      `Cannot read ${what}: ${cause instanceof Error ? cause.message : "not JSON"}`,
      {
        cause,
      },
    );
  }
}

/** The bytes of `value` as JSON, compact, keys in the order they have. */
export function jsonBytes(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

/** A copy with keys in code-unit order, as Go writes maps. */
export function sortKeys<T>(record: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(record).toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
}

function decodeUtf8(bytes: Uint8Array, what: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new OciError("INVALID_DOCUMENT", `Cannot read ${what}: it is not UTF-8`, { cause });
  }
}

const quote = 0x22;
const backslash = 0x5c;
const colon = 0x3a;

/**
 * Finds duplicate keys and too much depth, without recursion, before JSON.parse sees the text. It
 * tells only strings from brackets; whether the rest is JSON is JSON.parse's to say.
 */
function scan(text: string, depth: number, what: string): void {
  const open: (Set<string> | undefined)[] = [];
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code === 0x7b || code === 0x5b) {
      if (open.length >= depth)
        throw new OciError(
          "LIMIT_EXCEEDED",
          `Cannot read ${what}: more than ${depth} levels deep at ${position(text, i)}`,
        );
      open.push(code === 0x7b ? new Set() : undefined);
    } else if (code === 0x7d || code === 0x5d) {
      open.pop();
    } else if (code === quote) {
      const end = endOfString(text, i);
      const keys = open.at(-1);
      if (keys !== undefined && isKey(text, end + 1)) {
        const key = unescape(text.slice(i, end + 1));
        if (keys.has(key)) throw invalid(what, `duplicate key ${JSON.stringify(key)}`, text, i);
        keys.add(key);
      }
      i = end;
    }
  }
}

function endOfString(text: string, start: number): number {
  for (let i = start + 1; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code === backslash) i += 1;
    else if (code === quote) return i;
  }
  return text.length;
}

function isKey(text: string, from: number): boolean {
  let i = from;
  while (i < text.length && " \t\r\n".includes(text.charAt(i))) i += 1;
  return text.charCodeAt(i) === colon;
}

// Two spellings of one key ("a", "\u0061") are the same key.
function unescape(literal: string): string {
  if (!literal.includes("\\")) return literal.slice(1, -1);
  try {
    return String(JSON.parse(literal));
  } catch {
    return literal;
  }
}

function invalid(what: string, reason: string, text: string, index: number): OciError {
  return new OciError("INVALID_DOCUMENT", `Cannot read ${what}: ${reason} at ${position(text, index)}`);
}

function position(text: string, index: number): string {
  const before = text.slice(0, index);
  const line = before.split("\n").length;
  return `line ${line}, column ${index - before.lastIndexOf("\n")}`;
}
