import { expect, test } from "vitest";
import { parseXattrs } from "./xattrs.ts";

test.each([
  ["text", "text"],
  ["", ""],
  ["0x00ff", "\0\u00ff"],
  ["0X4142", "AB"],
  ["0sQUI=", "AB"],
  ['"quoted"', "quoted"],
  [String.raw`"a\"b\\c\012\0d"`, 'a"b\\c\n\0d'],
  ['"', '"'],
])("the value %s is what setfattr makes of it", (written, expected) => {
  const value = parseXattrs({ "user.x": written })?.get("user.x");
  expect(Buffer.from(value ?? []).toString("latin1")).toBe(expected);
});

test.each(["0xabc", "0xzz", "0s???", "0sQUI"])("the value %s is refused", (written) => {
  expect(() => parseXattrs({ "user.x": written })).toThrow(`"user.x" with value "${written}"`);
});

test.each(["x", "user.", "user.a=b", "other.x"])("the name %s is refused", (name) => {
  expect(() => parseXattrs({ [name]: "" })).toThrow(`Cannot set extended attribute "${name}"`);
});
