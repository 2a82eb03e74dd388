import * as fc from "fast-check";
import { expect, test } from "vitest";
import { compareBytestrings, decodeBytestring, encodeBytestring } from "./bytestring.ts";

// Arbitrary bytes, mixed with pieces of real text so that sequences are cut and continued.
const bytes = fc
  .array(
    fc.oneof(
      fc.uint8Array({ maxLength: 4 }),
      fc.string({ unit: "grapheme", maxLength: 3 }).map((text) => Buffer.from(text)),
      fc.constantFrom(...["c3", "e282", "f09f98", "eda080", "c080", "f4908080"].map((hex) => Buffer.from(hex, "hex"))),
    ),
    { maxLength: 6 },
  )
  .map((parts) => Buffer.concat(parts));

test("any bytes survive decoding and encoding", () => {
  fc.assert(
    fc.property(bytes, (raw) => {
      expect(Buffer.from(encodeBytestring(decodeBytestring(raw)))).toEqual(raw);
    }),
  );
});

test("UTF-8 decodes to the text itself, other bytes to lone surrogates", () => {
  expect(decodeBytestring(Buffer.from("naïve \u{1f600}"))).toBe("naïve \u{1f600}");
  expect(decodeBytestring(Buffer.from([0x61, 0xff, 0x62]))).toBe("a\udcffb");
  // An encoded surrogate and an overlong "/" are not UTF-8.
  expect(decodeBytestring(Buffer.from([0xed, 0xa0, 0x80, 0xc0, 0xaf]))).toBe("\udced\udca0\udc80\udcc0\udcaf");
});

test("a byte order mark is a name like any other", () => {
  expect(decodeBytestring(Buffer.from([0xef, 0xbb, 0xbf, 0x61]))).toBe("\ufeffa");
});

test("strings that stand for no bytes are refused", () => {
  expect(() => encodeBytestring("a\ud800")).toThrow(TypeError);
  expect(() => encodeBytestring("a\udc00")).toThrow('Cannot encode "a\\udc00"');
});

test("the order of strings is the order of their bytes", () => {
  fc.assert(
    fc.property(bytes, bytes, (a, b) => {
      expect(compareBytestrings(decodeBytestring(a), decodeBytestring(b))).toBe(Buffer.compare(a, b));
    }),
  );
  // UTF-16 would order these the other way round.
  expect(compareBytestrings("\uff5e", "\u{1f600}")).toBe(-1);
  expect(compareBytestrings("a", "a/b")).toBe(-1);
});
