import { isUtf8 } from "node:buffer";

/*
 * Names of files are bytes. As strings they are UTF-8 decoded, and each byte that is not UTF-8 stands
 * as U+DC80 + (byte - 0x80), a lone low surrogate that no UTF-8 decodes to (PEP 383): nothing is
 * lost, and equal strings mean equal bytes.
 */

/** The bytes a string stands for. Throws TypeError for surrogates that no bytes decode to. */
export function encodeBytestring(text: string): Uint8Array {
  if (text.isWellFormed()) return Buffer.from(text);
  const bytes = Buffer.alloc(text.length * 3);
  let length = 0;
  for (const character of text) {
    const point = character.codePointAt(0) ?? 0;
    if (point >= 0xdc80 && point <= 0xdcff) bytes[length++] = point - 0xdc00;
    else if (point >= 0xd800 && point <= 0xdfff)
      throw new TypeError(`Cannot encode ${JSON.stringify(text)}: a lone surrogate stands for no bytes`);
    else length += bytes.write(character, length);
  }
  return bytes.subarray(0, length);
}

/** The string that stands for any bytes; the inverse of `encodeBytestring`. */
export function decodeBytestring(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (isUtf8(buffer)) return buffer.toString();
  let text = "";
  let valid = 0;
  for (let at = 0; at < buffer.length;) {
    const length = sequenceLength(buffer, at);
    if (length === 0) {
      text += buffer.toString("utf8", valid, at) + String.fromCharCode(0xdc00 + buffer.readUInt8(at));
      valid = ++at;
    } else at += length;
  }
  return text + buffer.toString("utf8", valid);
}

/** Orders two strings as the bytes they stand for: -1, 0 or 1. */
export function compareBytestrings(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const unitA = a.charCodeAt(i);
    const unitB = b.charCodeAt(i);
    if (unitA === unitB) continue;
    // UTF-8 keeps the order of code points; UTF-16 does not where surrogates are involved.
    if (unitA < 0xd800 && unitB < 0xd800) return unitA < unitB ? -1 : 1;
    return Buffer.compare(encodeBytestring(a), encodeBytestring(b));
  }
  return Math.sign(a.length - b.length);
}

/** Length of the UTF-8 sequence at `at`, 0 when there is none (RFC 3629 §4). */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at] ?? 0;
  if (first < 0x80) return 1;
  const length = first >= 0xc2 && first < 0xe0 ? 2 : first >= 0xe0 && first < 0xf0 ? 3 : first <= 0xf4 ? 4 : 0;
  if (first < 0xc2 || length === 0) return 0;
  return isUtf8(bytes.subarray(at, at + length)) && at + length <= bytes.length ? length : 0;
}
