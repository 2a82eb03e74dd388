import { expect, test } from "vitest";
import { splitCommand } from "./command-line.ts";

test.each<[string, string[]]>([
  ["node server.js", ["node", "server.js"]],
  ["  a\t b\n", ["a", "b"]],
  ["", []],
  [`'a b' "c d" e\\ f`, ["a b", "c d", "e f"]],
  [`a'b'"c"d`, ["abcd"]],
  [`'' ""`, ["", ""]],
  [String.raw`"a\"b\\c\d"`, ['a"b\\c\\d']],
  [`'a\\b'`, ["a\\b"]],
  [`'$HOME' "5$" 5$ \\$HOME "\\$HOME"`, ["$HOME", "5$", "5$", "$HOME", "$HOME"]],
  ["a\\\nb", ["ab"]],
  ["--x=[1,2] *.js ~ #no", ["--x=[1,2]", "*.js", "~", "#no"]],
])("%j is split as a shell would", (text, words) => {
  expect(splitCommand(text)).toEqual(words);
});

test.each([
  ["a | b", '"|" means something to a shell only'],
  ["a && b", '"&" means something to a shell only'],
  ["a > b", '">" means something to a shell only'],
  ["a; b", '";" means something to a shell only'],
  ["a `b`", '"`" means something to a shell only'],
  ["a $HOME", "nothing is expanded in it"],
  ['a "$HOME"', "nothing is expanded in it"],
  ["a ${HOME}", "nothing is expanded in it"],
  ["a 'b", "the quote ' is not closed"],
  ['a "b', 'the quote " is not closed'],
  ["a \\", "it ends in a backslash"],
])("%j is refused", (text, detail) => {
  expect(() => splitCommand(text)).toThrow(
    expect.objectContaining({ code: "SPEC", message: `Cannot split the command ${JSON.stringify(text)}: ${detail}` }),
  );
});
