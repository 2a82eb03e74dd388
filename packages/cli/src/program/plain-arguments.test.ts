import { expect, test } from "vitest";
import { plainArguments } from "./plain-arguments.ts";

const declared = {
  usage: "copy <source> [destination] [names..]",
  positionals: { destination: { type: "string", default: "here" } },
  options: {
    quiet: { type: "boolean", alias: "q" },
    env: { type: "string", alias: ["e", "environment"], array: true, requiresArg: true },
    level: { type: "string", requiresArg: true },
    mode: { choices: ["fast", "slow"], requiresArg: true },
    password: { type: "string" },
  },
} as const;

test.each([
  [["a"], { source: "a", destination: "here", names: [] }],
  [["a", "b", "c", "d"], { source: "a", destination: "b", names: ["c", "d"] }],
  [["-", "-q"], { source: "-", destination: "here", names: [], quiet: true }],
  [["--quiet=false", "a"], { source: "a", destination: "here", names: [], quiet: false }],
  [
    ["-e", "A=1", "--env=B=2", "--environment", "C", "a"],
    { source: "a", destination: "here", names: [], env: ["A=1", "B=2", "C"] },
  ],
  [["--level", "-1", "a"], { source: "a", destination: "here", names: [], level: "-1" }],
  [["--level=-x", "a"], { source: "a", destination: "here", names: [], level: "-x" }],
  [["--level", "1", "--level", "2", "a"], { source: "a", destination: "here", names: [], level: ["1", "2"] }],
  [["--mode", "fast", "a"], { source: "a", destination: "here", names: [], mode: "fast" }],
])("%j is plain", (args, values) => {
  expect(plainArguments(args, declared)).toEqual(values);
});

test.each([
  [[]],
  [["a", "--help"]],
  [["a", "--qiet"]],
  [["a", "-x"]],
  [["a", "-quiet"]],
  [["a", "--q"]],
  [["a", "--level"]],
  [["a", "--level", "--quiet"]],
  [["a", "--quiet=perhaps"]],
  [["a", "--mode", "quick"]],
  [["a", "--password", "x"]],
  [["a", "--constructor", "x"]],
])("%j is left to yargs", (args) => {
  expect(plainArguments(args, declared)).toBeUndefined();
});

test("more words than there are names for are left to yargs", () => {
  expect(plainArguments(["a", "b"], { ...declared, usage: "copy <source>" })).toBeUndefined();
});
