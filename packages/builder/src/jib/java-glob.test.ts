import { expect, test } from "vitest";
import { compileJavaGlob } from "./java-glob.ts";

test.each([
  ["*.java", ["a.java", ".java"], ["a/b.java", "a.javac"]],
  ["**.java", ["a.java", "a/b.java"], ["a.jav"]],
  ["**/*.java", ["a/b.java", "a/b/c.java", "/b.java"], ["b.java"]],
  ["a?c", ["abc", "a💡c"], ["ac", "a/c"]],
  ["{a,b*}.txt", ["a.txt", "bcd.txt"], ["c.txt", "a,b.txt"]],
  ["a,b}", ["a,b}"], ["a"]],
  ["[a-c]x", ["ax", "cx"], ["dx", "-x"]],
  ["[!a-c]x", ["dx", "-x"], ["ax", "/x"]],
  ["[^a]x", ["^x", "ax"], ["bx"]],
  ["[-a]x", ["-x", "ax"], ["bx"]],
  ["[a-]x", ["-x", "ax"], ["bx"]],
  ["[+--]x", ["+x", ",x", "-x"], [".x"]],
  [String.raw`\*.txt`, ["*.txt"], ["a.txt"]],
  ["a.b(c)|d$", ["a.b(c)|d$"], ["axb(c)|d$"]],
  ["a**", ["a", "ab/c"], ["ba"]],
])("%s matches %j and not %j", (glob, yes, no) => {
  const compiled = compileJavaGlob(glob);
  expect(yes.filter((path) => !compiled.test(path))).toEqual([]);
  expect(no.filter((path) => compiled.test(path))).toEqual([]);
});

test.each([
  ["{a,b", 'a group has no "}"'],
  ["{a,{b,c}}", "groups cannot be nested"],
  ["[abc", 'expected "]" at the end of a class'],
  ["[a/b]", "a class cannot hold a slash"],
  ["[c-a]", "the range c-a runs backwards"],
  ["a\\", "expected a character after the backslash"],
])("%s is refused: %s", (glob, message) => {
  expect(() => compileJavaGlob(glob)).toThrow(message);
});
