import { decodeBytestring, encodeBytestring } from "../bytestring.ts";

/** What Go's readers, and so all engines, take at most for the records of one header. */
export const maxPaxSize = 1 << 20;

/** One extended header record, `LENGTH KEY=VALUE\n`; the length counts itself (POSIX.1-2017 pax §Extended Header). */
export function encodePaxRecord(key: string, value: Uint8Array): Uint8Array {
  const name = encodeBytestring(key);
  const rest = name.byteLength + value.byteLength + 3;
  let length = rest + String(rest).length;
  if (String(length).length > String(rest).length) length++;
  const record = Buffer.alloc(length);
  let at = record.write(`${length} `);
  record.set(name, at);
  at += name.byteLength;
  record[at++] = 0x3d;
  record.set(value, at);
  record[length - 1] = 0x0a;
  return record;
}

/**
 * The records of an extended header, in order of appearance, later ones of the same key winning.
 * Throws SyntaxError where the bytes are not records, or a key or name holds a NUL (as Go does: two
 * readers would see two names).
 */
export function parsePaxRecords(bytes: Uint8Array): Map<string, Uint8Array> {
  const records = new Map<string, Uint8Array>();
  for (let at = 0; at < bytes.byteLength;) {
    const space = bytes.indexOf(0x20, at);
    const digits = space < 0 ? "" : Buffer.from(bytes.subarray(at, Math.min(space, at + 8))).toString("latin1");
    const end = at + Number(digits);
    if (!/^\d{1,7}$/.test(digits) || end <= space + 1 || end > bytes.byteLength || bytes[end - 1] !== 0x0a)
      throw new SyntaxError(`PAX record at byte ${at} has no valid length`);
    const equals = bytes.indexOf(0x3d, space);
    if (equals < 0 || equals >= end || equals === space + 1)
      throw new SyntaxError(`PAX record at byte ${at} has no key`);
    const key = decodeBytestring(bytes.subarray(space + 1, equals));
    // A copy: a Buffer's slice would hold on to the chunk it was cut from.
    const value = Uint8Array.from(bytes.subarray(equals + 1, end - 1));
    // Extended attributes are binary; everything else is text.
    if (key.includes("\0") || (!key.startsWith("SCHILY.xattr.") && value.includes(0)))
      throw new SyntaxError(`PAX record ${JSON.stringify(key)} holds a NUL`);
    records.set(key, value);
    at = end;
  }
  return records;
}
