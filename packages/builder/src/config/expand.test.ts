import { expect, test } from "vitest";
import { expandVariables } from "./expand.ts";

const variables = new Map([
  ["PATH", "/usr/bin:/bin"],
  ["EMPTY", ""],
  ["PATH_1", "other"],
]);

test.each([
  ["/app/bin:$PATH", "/app/bin:/usr/bin:/bin"],
  ["${PATH}_1", "/usr/bin:/bin_1"],
  ["$PATH_1", "other"],
  ["$$PATH $$ $$$$", "$PATH $ $$"],
  ["$EMPTY|${EMPTY}", "|"],
  ["5$ a$-b $1 $", "5$ a$-b $1 $"],
  ["no variables", "no variables"],
])("%s becomes %s", (text, expected) => {
  expect(expandVariables(text, variables)).toBe(expected);
});

test("what is not there becomes empty, and is told", () => {
  const missing: string[] = [];
  expect(expandVariables("a$X-${Y}", variables, (name) => missing.push(name))).toBe("a-");
  expect(missing).toEqual(["X", "Y"]);
});

test.each(["${PATH", "${}", "${PATH:-x}", "${1}"])("%s is an error", (text) => {
  expect(() => expandVariables(text, variables)).toThrow(
    expect.objectContaining({ code: "SPEC", hint: "Write $$ for a dollar" }),
  );
});
