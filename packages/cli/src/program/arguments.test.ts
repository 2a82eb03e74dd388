import { expect, test } from "vitest";
import { divideArguments } from "./arguments.ts";

const options = {
  interactive: { type: "boolean", alias: "i" },
  tty: { type: "boolean", alias: "t" },
  env: { type: "string", alias: "e", array: true },
  workdir: { type: "string", alias: ["w", "cd"] },
} as const;

test.each([
  [["-it", "image"], ["-i", "-t", "image"], []],
  [["-itw", "/x", "image", "-l"], ["-i", "-t", "-w", "/x", "image"], ["-l"]],
  [["-itw/x", "image"], ["-i", "-t", "--workdir=/x", "image"], []],
  [["-eA=1", "image"], ["--env=A=1", "image"], []],
  [["-e=A=1", "image"], ["--env=A=1", "image"], []],
  [["-i=false", "image"], ["--interactive=false", "image"], []],
  [
    ["--env", "A=1", "image", "--env", "B"],
    ["--env", "A=1", "image"],
    ["--env", "B"],
  ],
  [
    ["--env=A=1", "image", "--", "x"],
    ["--env=A=1", "image"],
    ["--", "x"],
  ],
  [["--cd", "/x", "image"], ["--cd", "/x", "image"], []],
  [
    ["-i", "--", "image", "ls", "-l"],
    ["-i", "image"],
    ["ls", "-l"],
  ],
  [["-ix", "image"], ["-ix", "image"], []],
  [["-e"], ["-e"], []],
])("%j is %j, and the program's are %j", (args, own, rest) => {
  expect(divideArguments(args, options, true)).toEqual({ own, rest });
});

test("a command that passes nothing on has flags after its arguments", () => {
  expect(divideArguments(["a", "-itw/x", "--", "-b"], options, false)).toEqual({
    own: ["a", "-i", "-t", "--workdir=/x", "--", "-b"],
    rest: [],
  });
});

test("a flag that may stand without a value does not take the next argument for one", () => {
  const optional = { sbom: { type: "string", array: true, requiresArg: true } } as const;
  const bare = { sbom: "cyclonedx" };

  expect(divideArguments(["--sbom", "."], optional, false, bare).own).toEqual(["--sbom=cyclonedx", "."]);
  expect(divideArguments(["--sbom=spdx", "."], optional, false, bare).own).toEqual(["--sbom=spdx", "."]);
  expect(divideArguments(["--", "--sbom"], optional, false, bare).own).toEqual(["--", "--sbom"]);
});
