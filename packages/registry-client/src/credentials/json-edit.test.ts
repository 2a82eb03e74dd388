import * as fc from "fast-check";
import { expect, test } from "vitest";
import { editJson } from "./json-edit.ts";

test("a member is put in with everything around it as it was", () => {
  const text =
    '{\n    "big": 12345678901234567890,\n    "auths": {\n        "a.example": {}\n    },\n  "odd":[1,2]\n}\n';
  expect(editJson(text, ["auths", "b.example"], { auth: "eA==" })).toBe(
    '{\n    "big": 12345678901234567890,\n    "auths": {\n        "a.example": {},\n        "b.example": {\n            "auth": "eA=="\n        }\n    },\n  "odd":[1,2]\n}\n',
  );
});

test("objects on the way are made, in the manner of the document", () => {
  expect(editJson("{}", ["auths", "a"], { auth: "eA==" })).toBe('{"auths":{"a":{"auth":"eA=="}}}');
  expect(editJson('{"auths":null}', ["auths", "a"], 1)).toBe('{"auths":{"a":1}}');
  expect(editJson("{\n}\n", ["auths", "a"], {})).toBe('{\n\t"auths": {\n\t\t"a": {}\n\t}\n}\n');
  expect(editJson('{\n  "x": {}\n}', ["x", "a"], 1)).toBe('{\n  "x": {\n    "a": 1\n  }\n}');
});

test("a member is taken away with its comma", () => {
  expect(editJson('{"a":1,"b":2,"c":3}', ["a"], undefined)).toBe('{"b":2,"c":3}');
  expect(editJson('{"a":1,"b":2,"c":3}', ["c"], undefined)).toBe('{"a":1,"b":2}');
  expect(editJson('{"x":{\n "a": "},{"\n}}', ["x", "a"], undefined)).toBe('{"x":{}}');
  expect(editJson('{"a":1}', ["b", "c"], undefined)).toBe('{"a":1}');
});

test("of keys that come twice the one that parsers take is changed", () => {
  expect(JSON.parse(editJson('{"a":1,"a":2}', ["a"], 3))).toEqual({ a: 3 });
});

const key = fc.string().filter((text) => text !== "__proto__");
const object = fc.dictionary(key, fc.jsonValue());

test("whatever the document, only the member changes", () => {
  fc.assert(
    fc.property(
      object,
      object,
      key,
      fc.jsonValue(),
      fc.constantFrom(undefined, 1, 2, 4, "\t"),
      (rest, auths, name, value, space) => {
        const before = { ...rest, auths };
        const text = JSON.stringify(before, undefined, space);
        const wanted = JSON.parse(JSON.stringify(value));
        expect(JSON.parse(editJson(text, ["auths", name], value))).toEqual({
          ...JSON.parse(text),
          auths: { ...JSON.parse(JSON.stringify(auths)), [name]: wanted },
        });
        const { [name]: _, ...without } = JSON.parse(JSON.stringify(auths));
        expect(JSON.parse(editJson(text, ["auths", name], undefined))).toEqual({ ...JSON.parse(text), auths: without });
        // Put in and taken out again, the document is as it was.
        if (!Object.hasOwn(auths, name) && Object.keys(auths).length > 0)
          expect(editJson(editJson(text, ["auths", name], value), ["auths", name], undefined)).toBe(text);
      },
    ),
  );
});
