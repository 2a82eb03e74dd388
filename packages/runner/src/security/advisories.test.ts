import { expect, test } from "vitest";
import type { EngineInfo } from "../engine.ts";
import { testEngine } from "../spec/run-bundle.suite.ts";
import { advisoriesFor, formatAdvisory } from "./advisories.ts";

const ids = (info: Partial<EngineInfo>): readonly string[] =>
  advisoriesFor({ ...testEngine, ...info }).map(({ id }) => id);
const runc = (version: string): readonly string[] => ids({ version, runtime: { name: "runc", version } });

test.each([
  ["1.1.5+ds1", true],
  ["1.2.7", true],
  ["1.2.8", false],
  ["1.2.9+ds", false],
  ["1.3.2", true],
  ["1.3.3", false],
  ["1.4.0-rc.2", true],
  ["1.4.0-rc.3", false],
  ["1.4.0~rc4", false],
  ["1.4.0", false],
  ["1.5.0", false],
  ["2.0.0", false],
  ["1.0.0-rc93", true],
])("of lines of releases each has its own fix: runc %s has CVE-2025-31133: %s", (version, has) => {
  expect(runc(version).includes("CVE-2025-31133")).toBe(has);
});

test("a line that was never fixed keeps it", () => {
  expect(runc("1.2.8")).toEqual(["CVE-2026-41579"]);
  expect(ids({ name: "containerd", version: "1.6.40" })).toContain("CVE-2026-53488");
});

test("the engine and its runtime are both looked at", () => {
  const info = { name: "podman", version: "4.3.1", runtime: { name: "runc", version: "1.1.5" } } as const;
  expect(ids(info)).toEqual(
    expect.arrayContaining(["CVE-2026-55686", "CVE-2026-57231", "CVE-2024-21626", "CVE-2026-41579"]),
  );
  expect(ids({ ...info, runtime: { name: "crun", version: "1.8.1" } })).not.toContain("CVE-2026-41579");
  expect(ids({ ...info, version: "5.8.4", runtime: { name: "runc", version: "1.3.6" } })).toEqual([]);
});

test("nothing is said of a version that is none", () => {
  expect(runc("")).toEqual([]);
  expect(runc("unknown")).toEqual([]);
});

test("the line for people has the version, the fix, and a word for distributions", () => {
  const [advisory] = advisoriesFor({ ...testEngine, version: "1.2.8", runtime: { name: "runc", version: "1.2.8" } });
  expect(advisory && formatAdvisory(advisory)).toBe(
    "CVE-2026-41579: with runc 1.2.8 an image whose /dev is a symlink has files of the host deleted and links made there; fixed in 1.3.6, 1.4.3, 1.5.0-rc.3, and perhaps in your distribution's package of an older version",
  );
});
