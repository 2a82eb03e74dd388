import { BuildError } from "../errors.ts";

/**
 * Extended attributes from a build description. Values are written as setfattr(1) takes them: `0x` and hexadecimal
 * digits, `0s` and base64, or text, which may stand in double quotes with backslash escapes (`\"`, `\\`, `\012`).
 * Sorted by name; undefined when there are none.
 */
export function parseXattrs(
  record: Readonly<Record<string, string>> | undefined,
): ReadonlyMap<string, Uint8Array> | undefined {
  const names = Object.keys(record ?? {}).toSorted();
  if (record === undefined || names.length === 0) return undefined;
  return new Map(names.map((name) => [checkName(name), parseValue(name, record[name] ?? "")]));
}

// xattr(7): a name is namespace.attribute; "=" ends the key of a PAX record.
function checkName(name: string): string {
  if (/^(?:user|trusted|security|system)\.[^=\0]+$/.test(name)) return name;
  throw new BuildError(
    "SPEC",
    `Cannot set extended attribute "${name}": expected user., trusted., security. or system. and a name`,
  );
}

function parseValue(name: string, text: string): Uint8Array {
  const bad = (why: string): BuildError =>
    new BuildError("SPEC", `Cannot read extended attribute "${name}" with value "${text}": ${why}`);
  if (/^0x/i.test(text)) {
    const digits = text.slice(2);
    if (!/^(?:[0-9a-f]{2})*$/i.test(digits)) throw bad("expected pairs of hexadecimal digits after 0x");
    return Buffer.from(digits, "hex");
  }
  if (/^0s/i.test(text)) {
    const encoded = text.slice(2);
    if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(encoded))
      throw bad("expected base64 after 0s");
    return Buffer.from(encoded, "base64");
  }
  if (text.length < 2 || !text.startsWith('"') || !text.endsWith('"')) return Buffer.from(text);
  const inner = text.slice(1, -1);
  const parts = Array.from(inner.matchAll(/\\([0-7]{1,3})|\\(.)|([^\\]+)|(\\)/gs), ([, octal, escaped, plain, lone]) =>
    octal === undefined ? Buffer.from(escaped ?? plain ?? lone ?? "") : Buffer.of(Number.parseInt(octal, 8) & 0xff),
  );
  return Buffer.concat(parts);
}
