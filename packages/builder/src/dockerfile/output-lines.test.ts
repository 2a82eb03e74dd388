import { expect, test } from "vitest";
import { OutputLines } from "./output-lines.ts";

function linesOf(chunks: readonly (string | Uint8Array)[]): readonly string[] {
  const lines: string[] = [];
  const output = new OutputLines((line) => lines.push(line));
  for (const chunk of chunks) output.push(Buffer.from(chunk));
  output.end();
  return lines;
}

test("lines are whole, whichever pieces they come in", () => {
  expect(linesOf(["on", "e\ntw", "o\n\nth", "ree"])).toEqual(["one", "two", "", "three"]);
  const euro = Buffer.from("€\n");
  expect(linesOf([euro.subarray(0, 1), euro.subarray(1)])).toEqual(["€"]);
});

test("a carriage return ends a line, and with a line feed it is one end", () => {
  expect(linesOf(["10 %\r50 %\r", "100 %\r\nnext\r", "\nlast\r"])).toEqual(["10 %", "50 %", "100 %", "next", "last"]);
});

test("what has no line ends does not fill the memory", () => {
  expect(linesOf(["x".repeat(40_000)]).map(({ length }) => length)).toEqual([16_384, 16_384, 7232]);
});
