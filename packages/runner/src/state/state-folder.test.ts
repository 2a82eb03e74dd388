import { homedir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { stateFolder } from "./state-folder.ts";

const isRoot = process.getuid?.() === 0;

test("what is named wins, then the environment, then what is usual", () => {
  expect(stateFolder("/named", { LADING_ROOT: "/env" })).toBe("/named");
  expect(stateFolder(undefined, { LADING_ROOT: "/env" })).toBe("/env");
  expect(stateFolder("relative", {})).toBe(join(process.cwd(), "relative"));
});

test.runIf(isRoot)("root's is the system's", () => {
  expect(stateFolder(undefined, { XDG_DATA_HOME: "/data" })).toBe("/var/lib/lading");
});

test.runIf(!isRoot)("anybody else's is in their home, or where XDG_DATA_HOME says by a path that is absolute", () => {
  expect(stateFolder(undefined, { XDG_DATA_HOME: "/data" })).toBe("/data/lading");
  expect(stateFolder(undefined, { XDG_DATA_HOME: "data" })).toBe(join(homedir(), ".local/share/lading"));
});
