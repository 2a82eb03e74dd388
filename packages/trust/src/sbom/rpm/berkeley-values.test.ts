import { expect, test } from "vitest";
import { Unreadable } from "../catalog.ts";
import { berkeleyValues } from "./berkeley-values.ts";

/* Berkeley DB itself writes what test/interop/rpm.test.ts reads; this is what it would not write. */

const pageSize = 512;

/** A database of whoever has its numbers the other way round: one pair, whose value is a chain of these pages. */
function database(length: number, ...chain: readonly (readonly [next: number, held: number])[]): Buffer {
  const file = Buffer.alloc((2 + chain.length) * pageSize);
  file.writeUInt32BE(0x061561, 12);
  file.writeUInt32BE(pageSize, 20);
  const hash = file.subarray(pageSize);
  hash.writeUInt16BE(2, 20);
  hash.writeUInt8(13, 25);
  for (const [item, start] of [500, 488].entries()) hash.writeUInt16BE(start, 26 + 2 * item);
  hash.writeUInt8(1, 500);
  hash.writeUInt8(3, 488);
  hash.writeUInt32BE(2, 492);
  hash.writeUInt32BE(length, 496);
  for (const [at, [next, held]] of chain.entries()) {
    const page = file.subarray((2 + at) * pageSize);
    page.writeUInt32BE(next, 16);
    page.writeUInt16BE(held, 22);
    page.writeUInt8(7, 25);
    page.fill(at + 1, 26, pageSize);
  }
  return file;
}

test("a value goes on over pages, in either order of bytes", () => {
  const [value] = berkeleyValues(database(500, [3, 486], [0, 14]));

  expect(value).toEqual(Buffer.concat([Buffer.alloc(486, 1), Buffer.alloc(14, 2)]));
});

test.each([
  ["a chain that leads back to itself", database(5000, [2, 486]), "page 2 is none of a chain, or used twice"],
  ["a chain that leads to another kind of page", database(5000, [1, 486]), "page 1 is none of a chain, or used twice"],
  ["a page that holds nothing", database(5000, [3, 486], [0, 0]), "page 3 is empty"],
  ["pages of no size", database(1, [0, 1]).fill(0, 20, 24), "its pages of 0 bytes are none"],
  ["encryption", database(1, [0, 1]).fill(1, 24, 25), "it is encrypted or has checksums"],
  ["an item of another kind", database(1, [0, 1]).fill(2, 1000, 1001), "page 1 has an item of kind 2"],
])("%s is refused", (_, file, reason) => {
  expect(() => [...berkeleyValues(file)]).toThrow(new Unreadable(reason));
});

test("a chain that ends too early, and items beyond their page, are damage", () => {
  const beyond = database(1, [0, 1]);
  beyond.writeUInt16BE(60_000, pageSize + 28);

  expect(() => [...berkeleyValues(database(5000, [9, 486]))]).toThrow(RangeError);
  expect(() => [...berkeleyValues(beyond)]).toThrow(RangeError);
});
