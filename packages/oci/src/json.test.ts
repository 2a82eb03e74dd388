import * as fc from "fast-check";
import { expect, test } from "vitest";
import { jsonBytes, parseJson, sortKeys } from "./json.ts";

test("parseJson() reads whatever JSON.stringify() wrote", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(parseJson(jsonBytes(value))).toEqual(JSON.parse(JSON.stringify(value)));
    }),
  );
});

test.each([
  ["a key twice", '{"a":1,\n "a":2}', 'duplicate key "a" at line 2, column 2'],
  ["a key twice in two spellings", '{"a":1,"\\u0061":2}', 'duplicate key "a"'],
  ["a key twice, deep down", '[{"x":[{"k":0,"l":{},"k":0}]}]', 'duplicate key "k"'],
  ["a byte order mark", "\uFEFF{}", "byte order mark"],
  ["two documents", "{}{}", "JSON"],
  ["a comment", '{"a":1} // x', "JSON"],
  ["an open string", '{"a":"', "JSON"],
  ["nothing", "", "JSON"],
])("parseJson() refuses %s", (_, text, reason) => {
  expect(() => parseJson(Buffer.from(text))).toThrow(expect.objectContaining({ code: "INVALID_DOCUMENT" }));
  expect(() => parseJson(Buffer.from(text), { what: "thing" })).toThrow(reason);
});

test("parseJson() takes the same key in different objects, and as a value", () => {
  expect(parseJson('{"a":{"a":"a"},"b":["a",{"a":1}]}')).toEqual({ a: { a: "a" }, b: ["a", { a: 1 }] });
});

test("parseJson() refuses bytes that are not UTF-8", () => {
  expect(() => parseJson(Buffer.from([0x22, 0xff, 0x22]))).toThrow("not UTF-8");
});

test("parseJson() refuses depth and length, whatever they are", () => {
  const limit = expect.objectContaining({ code: "LIMIT_EXCEEDED" });
  expect(() => parseJson("[".repeat(1_000_000))).toThrow(limit);
  expect(() => parseJson('{"a":'.repeat(101))).toThrow(limit);
  expect(parseJson(`${"[".repeat(100)}${"]".repeat(100)}`)).toBeInstanceOf(Array);
  expect(() => parseJson(Buffer.alloc(5 * 1024 * 1024, 0x20))).toThrow(limit);
  expect(() => parseJson('"abc"', { limit: 4 })).toThrow(limit);
});

test("parseJson() keeps __proto__ as data and pollutes nothing", () => {
  const value = parseJson('{"__proto__":{"polluted":true},"constructor":"x"}');
  expect(Object.keys(value ?? {})).toEqual(["__proto__", "constructor"]);
  expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  expect(Reflect.get({}, "polluted")).toBeUndefined();
});

test("sortKeys() sorts by code unit, __proto__ included", () => {
  const record = { b: 1, a: 2, ["__proto__"]: 3, B: 4 };
  expect(JSON.stringify(sortKeys(record))).toBe('{"B":4,"__proto__":3,"a":2,"b":1}');
});
