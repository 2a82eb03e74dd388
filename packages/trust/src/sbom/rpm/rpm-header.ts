import { Unreadable } from "../catalog.ts";

/** What rpm knows of a package, each under a number (rpm's sources, include/rpm/rpmtag.h). */
export const rpmTags = {
  name: 1000,
  version: 1001,
  release: 1002,
  epoch: 1003,
  vendor: 1011,
  licence: 1014,
  architecture: 1022,
  sourceRpm: 1044,
  provides: 1047,
  requires: 1049,
  directoryOf: 1116,
  baseNames: 1117,
  directories: 1118,
} as const;

const int32 = 4;
const strings = new Set([6, 8, 9]); // one, a list, or one by language

/**
 * A header as databases have it: lengths, an index of tags, and the data that it leads to, in network order
 * (rpm's documentation, "Package format", header structure). Values are read when they are asked for.
 */
export class RpmHeader {
  readonly #data: Buffer;
  readonly #index = new Map<number, { readonly type: number; readonly offset: number; readonly count: number }>();

  /** Throws Unreadable, and RangeError for one that is cut off. */
  constructor(blob: Buffer) {
    const entries = blob.readUInt32BE(0);
    const size = blob.readUInt32BE(4);
    const start = 8 + 16 * entries;
    if (start + size > blob.byteLength) throw new Unreadable("a package's header is longer than its place");
    this.#data = blob.subarray(start, start + size);
    // What was added when the package was installed follows what was in it, and counts more.
    for (let at = 8; at < start; at += 16)
      this.#index.set(blob.readUInt32BE(at), {
        type: blob.readUInt32BE(at + 4),
        offset: blob.readUInt32BE(at + 8),
        count: blob.readUInt32BE(at + 12),
      });
  }

  /** A tag's text, or the first of several. */
  text(tag: number): string | undefined {
    const [text] = this.texts(tag);
    return text;
  }

  /** A tag's texts, in order. */
  *texts(tag: number): Generator<string> {
    const { type = 0, offset = 0, count = 0 } = this.#index.get(tag) ?? {};
    if (!strings.has(type)) return;
    let at = offset;
    for (let left = count; left > 0; left--) {
      const end = this.#data.indexOf(0, at);
      if (end === -1) throw new Unreadable(`tag ${tag} of a package does not end`);
      yield this.#data.toString("utf8", at, end);
      at = end + 1;
    }
  }

  /** A tag's numbers, in order. */
  *numbers(tag: number): Generator<number> {
    const { type, offset = 0, count = 0 } = this.#index.get(tag) ?? {};
    if (type !== int32) return;
    for (let left = 0; left < count; left++) yield this.#data.readUInt32BE(offset + 4 * left);
  }
}
