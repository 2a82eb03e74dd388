import type { Hash } from "node:crypto";

/** Enters a bytestring, so that no other gives the same. */
export function hashText(hash: Hash, text: string): void {
  // UTF-8 would make one of all bytes that are not UTF-8 (lone surrogates here); UTF-16 is twice as much to hash.
  const encoding = text.isWellFormed() ? "utf8" : "utf16le";
  hash.update(encoding).update(text, encoding);
}
