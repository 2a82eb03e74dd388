import * as fc from "fast-check";
import { execFileSync } from "node:child_process";
import { chmodSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "@lading/testkit";
import { expect, test } from "vitest";
import { parseOwner, parseTime } from "./attributes.ts";
import { defaultFileMode, parseMode } from "./modes.ts";

test("a symbolic mode does what chmod(1) does", async () => {
  await using folder = await temporaryFolder();
  const letters = fc.string({ unit: fc.constantFrom("r", "w", "x", "X", "s", "t"), maxLength: 3 });
  const permissions = fc.oneof(letters, fc.constantFrom("u", "g", "o"));
  const clause = fc
    .tuple(
      fc.string({ unit: fc.constantFrom("u", "g", "o"), minLength: 1, maxLength: 2 }),
      fc.array(fc.tuple(fc.constantFrom("+", "-", "="), permissions), { minLength: 1, maxLength: 2 }),
    )
    .map(([who, operations]) => who + operations.flat().join(""));
  const samples = fc.sample(
    fc.tuple(fc.array(clause, { minLength: 1, maxLength: 3 }), fc.integer({ min: 0, max: 0o777 })),
    100,
  );
  const cases = samples.map(([clauses, start], at) => ({
    text: clauses.join(","),
    start,
    file: join(folder.path, String(at)),
  }));
  for (const { file, start } of cases) {
    writeFileSync(file, "");
    chmodSync(file, start);
  }
  // By one shell: it begins programs faster than we do.
  const script = cases.map(({ text, file }) => `chmod -- '${text}' '${file}'\n`).join("");
  execFileSync("sh", ["-e"], { input: script });
  const ours = cases.map(({ text, start }) => parseMode(text, (source) => source, "file")(start));
  const theirs = cases.map(({ file }) => statSync(file).mode & 0o7777);
  const told = (modes: readonly number[]): unknown => cases.map(({ text, start }, at) => [text, start, modes[at]]);
  expect(told(ours)).toEqual(told(theirs));
});

test.each([
  ["u=rwX,go-w", 0o600, "file", 0o644],
  ["u=rwX,go-w", 0o700, "file", 0o755],
  ["go=", 0o755, "directory", 0o700],
  ["a+X", 0o644, "directory", 0o755],
  ["a+X", 0o600, "file", 0o644],
  ["+t", 0o755, "directory", 0o1755],
  ["+x", 0o600, "file", 0o755],
  ["g=u", 0o600, "file", 0o664],
  ["0600", 0o755, "file", 0o600],
  ["4755", 0o600, "file", 0o4755],
  ["source", 0o4711, "file", 0o4711],
] as const)("mode %s of a source with %o, a %s, is %o", (text, source, kind, expected) => {
  const fallback = kind === "file" ? defaultFileMode : () => 0o755;
  expect(parseMode(text, fallback, kind)(source)).toBe(expected);
});

test("more bits than there are is refused", () => {
  expect(() => parseMode("10000", defaultFileMode, "file")).toThrow('Cannot use mode "10000"');
  expect(() => parseMode("rwx", defaultFileMode, "file")).toThrow('Cannot read mode "rwx"');
});

test("owners are numbers or names, and a number alone is the group too", () => {
  expect(parseOwner("1000")).toEqual({ uid: 1000, gid: 1000 });
  expect(parseOwner("1000:0")).toEqual({ uid: 1000, gid: 0 });
  expect(parseOwner("app")).toEqual({ user: "app" });
  expect(parseOwner("app:0")).toEqual({ user: "app", group: "0" });
  expect(() => parseOwner("4294967296")).toThrow("4294967294");
});

test("times are whole seconds", () => {
  expect(parseTime(undefined, 7)(5000)).toBe(7);
  expect(parseTime(12, 7)(5000)).toBe(12);
  expect(parseTime("2001-09-09T03:46:40.9+02:00", 7)(5000)).toBe(1_000_000_000);
  expect(parseTime("source", 7)(5999)).toBe(5);
  expect(parseTime("source", 7)(-1)).toBe(-1);
});
