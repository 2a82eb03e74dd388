import { expect, test } from "vitest";
import { planContainer } from "./container-plan.ts";
import type { RunSpec } from "./run-spec.ts";
import { runtimeSpec } from "./runtime-spec.ts";

const accounts = { passwd: "root:x:0:0::/root:/bin/sh\n", group: "" };
const config = { Entrypoint: ["sh", "-c", "id"], Cmd: ["--privileged", "-v", "/:/host"], Env: ["A=1"] };
const plan = (spec: RunSpec, image: object = config): ReturnType<typeof planContainer> =>
  planContainer(image, accounts, spec, { hostname: "box" });

test("what looks like a flag in an image stays an argument of its program", () => {
  expect(plan({}).args).toEqual(["sh", "-c", "id", "--privileged", "-v", "/:/host"]);
});

test("a command replaces Cmd, an entrypoint both", () => {
  expect(plan({ command: ["x"] }).args).toEqual(["sh", "-c", "id", "x"]);
  expect(plan({ entrypoint: ["y"] }).args).toEqual(["y"]);
});

test("the last of a variable wins, and PATH and HOME are always there", () => {
  expect(plan({ env: ["A=2"] }).env).toEqual([
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME=/root",
    "A=2",
  ]);
});

test.each(["/proc/self/fd/8", "//proc/self", "/x/../proc/1/cwd"])(
  "the working directory %s is refused",
  (WorkingDir) => {
    expect(() => plan({}, { ...config, WorkingDir })).toThrow("is below /proc");
  },
);

test.each([
  [{ tmpfs: ["/a/../../b"] }, "Cannot mount at"],
  [{ mounts: [{ source: "/x", destination: "/" }] }, "Cannot mount at"],
  [{ memory: -1 }, "Cannot use memory -1"],
  [{ workdir: "relative" }, "the path is not absolute"],
  [{ env: ["NOVALUE"] }, "expected NAME=value"],
] as const)("%j is refused", (spec, message) => {
  expect(() => plan(spec)).toThrow(message);
});

test("an image without a program is refused", () => {
  expect(() => plan({}, {})).toThrow("it has neither Entrypoint nor Cmd");
});

test("whoever is not root has no capability in effect", () => {
  const place = { root: "/r", cgroupsPath: "/c", resolvConf: undefined };
  expect(runtimeSpec(plan({ user: "1000" }), place)).toMatchObject({
    process: { capabilities: { effective: [], permitted: [] }, noNewPrivileges: true },
  });
});
