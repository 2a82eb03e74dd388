import { casesIn } from "@lading/testkit";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import * as z from "zod";
import { BuildError } from "../errors.ts";
import { checkWord, expandHeredoc, expandWord, expandWords, shellWords } from "./expand-word.ts";

const names = z.record(z.string(), z.array(z.never())).nullish();
const moby = casesIn(
  "dockerfile/expansion.json",
  z.object({
    envs: z.record(z.string(), z.string()),
    input: z.string(),
    expected: z.string().optional(),
    expectedErr: z.boolean().optional(),
    unmatched: names,
  }),
);

test.each(moby)("moby's own case: $input with $envs", ({ envs, input, expected, expectedErr, unmatched }) => {
  const missing = new Set<string>();
  const expand = (): string => expandWord(input, (name) => envs[name], { missing: (name) => void missing.add(name) });
  if (expectedErr === true) expect(expand).toThrow(BuildError);
  else {
    expect(expand()).toBe(expected);
    expect([...missing]).toEqual(Object.keys(unmatched ?? {}));
  }
});

const values = new Map([
  ["A", "one"],
  ["EMPTY", ""],
  ["PATHS", "/usr/local/bin"],
  ["VERSION", "1.22.3"],
  ["LINES", "a\nb"],
  ["STARS", "a*b?c"],
  ["PORTS", "80 443/tcp"],
  ["3", "three"],
]);
const lookup = (name: string): string | undefined => values.get(name);

test.each([
  // Names.
  ["$A", "one"],
  ["${A}", "one"],
  ["$A$A", "oneone"],
  ["$Ab", ""],
  ["${A}b", "oneb"],
  ["$A-b", "one-b"],
  ["$3x", "threex"],
  ["a$", "a$"],
  ["$ A", "$ A"],
  ["$/x", "$/x"],
  // Quotes and escapes.
  [`'$A'`, "$A"],
  [`"$A"`, "one"],
  [`"'$A'"`, "'one'"],
  [`a'b 'c`, "ab c"],
  [String.raw`\$A`, "$A"],
  [String.raw`"\$A"`, "$A"],
  [String.raw`"a\n\"b\\"`, String.raw`a\n"b` + "\\"],
  [String.raw`'a\n'`, String.raw`a\n`],
  [String.raw`a\nb`, "anb"],
  [String.raw`a\ b`, "a b"],
  ["a\\", "a"],
  // Alternatives.
  ["${NONE:-$A}", "one"],
  ["${NONE:-${EMPTY:-deep}}", "deep"],
  ["${EMPTY-x}", ""],
  ["${EMPTY:-x}", "x"],
  ["${EMPTY+x}", "x"],
  ["${EMPTY:+x}", ""],
  ["${EMPTY?x}", ""],
  ["${NONE:-a b}", "a b"],
  [`\${NONE:-"a}b"}`, "a}b"],
  ["${NONE:-a\\}b}", "a}b"],
  // Patterns.
  ["${PATHS#*/}", "usr/local/bin"],
  ["${PATHS##*/}", "bin"],
  ["${PATHS%/*}", "/usr/local"],
  ["${PATHS%%/*}", ""],
  ["${VERSION%.*}", "1.22"],
  ["${VERSION%%.*}", "1"],
  ["${VERSION#?.}", "22.3"],
  ["${VERSION#$A}", "1.22.3"],
  ["${NONE#a}", ""],
  ["${LINES#*b}", "a\nb"],
  ["${STARS%\\?c}", "a*b"],
  ["${STARS#a\\*}", "b?c"],
  ["${VERSION/./-}", "1-22.3"],
  ["${VERSION//./-}", "1-22-3"],
  ["${VERSION//.}", undefined],
  ["${VERSION/2*/x}", "1.x"],
  ["${PATHS/\\/usr/x}", "x/local/bin"],
  ["${PATHS//\\//:}", ":usr:local:bin"],
  ["${A/$NONE/x}", "xone"],
  ["${A//$NONE/-}", "-o-n-e-"],
  ["${A//*/x}", "x"],
  ["${A/n/\\}}", "o\\}e"],
  ["${NONE/a/b}", ""],
])("%s is %s", (text, expected) => {
  if (expected === undefined) expect(() => expandWord(text, lookup)).toThrow(BuildError);
  else expect(expandWord(text, lookup)).toBe(expected);
});

test.each([
  ["${", `a "}" is missing`],
  ["${A", `a "}" is missing`],
  ["${A:", "is no operator"],
  ["${A:-x", `a "}" is missing`],
  ["${}", "a name must follow"],
  ["${{A}}", "a name must follow"],
  ["${:-x}", "a name must follow"],
  ["${A=x}", `"=" after "\${A" is no operator`],
  ["${A:#x}", `":#" after "\${A" is no operator`],
  ["${A^^}", `"^" after "\${A" is no operator`],
  ["${A/x}", `a "/" is missing`],
  ["${A#\\x}", String.raw`"\x" means nothing in it`],
  ["'a", "a single quote is not closed"],
  ['"a', "a double quote is not closed"],
  ['"${A:-"', "a double quote is not closed"],
  ["${NONE:?say which}", "NONE is not set: say which"],
  ["${EMPTY:?}", "EMPTY is empty"],
  ["${NONE?}", "NONE is not set"],
])("%s cannot be expanded", (text, message) => {
  expect(() => expandWord(text, lookup)).toThrow(message);
});

function nested(depth: number): string {
  return `${"${NONE:-".repeat(depth)}x${"}".repeat(depth)}`;
}

test("substitutions are nested as deep as anybody means it", () => {
  expect(expandWord(nested(50), lookup)).toBe("x");
  expect(() => expandWord(nested(10_000), lookup)).toThrow("nested too deeply");
});

test("the escape is the Dockerfile's", () => {
  expect(expandWord("C:\\dir\\`$A\\$A", lookup, { escape: "`" })).toBe("C:\\dir\\$A\\one");
});

test("every name that was used and is not there is told, in branches that were not taken too", () => {
  const missing = new Set<string>();
  expandWord('$X "${Y:-$Z}" ${A:+$W} ${A#$V}', lookup, { missing: (name) => void missing.add(name) });
  expect([...missing]).toEqual(["X", "Z", "Y", "W", "V"]);
});

test.each([
  ["$PORTS", ["80", "443/tcp"]],
  [`"$PORTS"`, ["80 443/tcp"]],
  ["8$PORTS", ["880", "443/tcp"]],
  ["${NONE:-1 2}3", ["1", "23"]],
  ["a\\ b c", ["a b", "c"]],
  ["$NONE", []],
  [`""`, []],
  ["  a \t b ", ["a", "b"]],
])("%s makes the words %j", (text, expected) => {
  expect(expandWords(text, lookup)).toEqual(expected);
});

test("a heredoc keeps its quotes", () => {
  expect(expandHeredoc(`say "$A" it's \${NONE:-"x"} \\$A\n`, lookup)).toBe(`say "one" it's "x" $A\n`);
});

test("a word is checked without knowing what its variables are", () => {
  expect(() => checkWord("${NONE:?x}${A%%/*}'q'${B/a/b}", "\\")).not.toThrow();
  expect(() => checkWord("${NONE:?x", "\\")).toThrow(BuildError);
  expect(() => checkWord("`'", "`")).not.toThrow();
});

test("a line is seen in the words of a shell, as they are written", () => {
  expect(shellWords(`RUN "a b"c \${X:-"y z"} << 'E F' \\ x`).map((word) => word.text)).toEqual([
    "RUN",
    '"a b"c',
    '${X:-"y',
    'z"}',
    "<< 'E F'",
    "\\ x",
  ]);
  expect(shellWords("it's")).toEqual([]);
});

test("patterns that make others backtrack take no time", () => {
  const long = "a".repeat(5000);
  const pattern = "*a".repeat(30) + "b";
  expect(expandWord(`\${X%%${pattern}}\${X//${pattern}/}`, () => long)).toBe(long + long);
});

test("whatever a word is, it is expanded or refused", () => {
  const piece = fc.constantFrom(...Array.from("$${}:-+?#%/'\"\\`<a A*"), "${A", "${NONE:-", "${A//");
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
      const text = pieces.join("");
      for (const expand of [expandWord, expandWords, expandHeredoc])
        try {
          expand(text, lookup);
        } catch (error) {
          expect(error).toBeInstanceOf(BuildError);
        }
    }),
    { numRuns: 3000 },
  );
});
