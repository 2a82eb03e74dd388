import { expect, test } from "vitest";
import { columns, fit, pad, printable, styleFor, table } from "./terminal.ts";

test("text from outside cannot move the cursor, reverse the line or end it", () => {
  expect(printable("a\x1b[2J\r\nb\u202ec\u009bd\ud800")).toBe("a\\x1b[2J\\x0d\\x0ab\\u202ec\\x9bd\\ud800");
  expect(printable("a\n\tb", true)).toBe("a\n\tb");
  expect(printable("naïve 日本 🚢")).toBe("naïve 日本 🚢");
});

test("width counts columns, not characters", () => {
  expect(columns("日本")).toBe(4);
  expect(columns("\x1b[31mred\x1b[39m")).toBe(3);
  expect(fit("日本語", 5)).toBe("日本…");
  expect(fit("short", 5)).toBe("short");
  expect(pad("日本", 6)).toBe("日本  ");
});

test("a table sets cells in columns and leaves no spaces at the end", () => {
  expect(
    table(
      [
        ["a", "1", ""],
        ["bcd", "12", "x"],
      ],
      [1],
    ),
  ).toEqual(["a     1", "bcd  12  x"]);
});

const red = (isTTY: boolean, env: NodeJS.ProcessEnv): string => styleFor({ isTTY }, env).red("x");

test("colours are for terminals, and NO_COLOR takes them away", () => {
  expect(red(true, {})).toBe("\x1b[31mx\x1b[39m");
  expect([red(false, {}), red(true, { NO_COLOR: "1" }), red(true, { TERM: "dumb" })]).toEqual(["x", "x", "x"]);
  expect(red(false, { FORCE_COLOR: "1" })).toBe("\x1b[31mx\x1b[39m");
  expect(red(true, { NO_COLOR: "" })).toBe("\x1b[31mx\x1b[39m");
});
