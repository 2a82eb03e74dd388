import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { canRun, runScript, runtimes } from "../spec/run-bundle.suite.ts";
import { parseSeccompProfile } from "./parse-seccomp.ts";
import { convertSeccomp, type SeccompMachine } from "./seccomp.ts";

const profile = (document: object): ReturnType<typeof parseSeccompProfile> =>
  parseSeccompProfile(JSON.stringify({ defaultAction: "SCMP_ACT_ERRNO", syscalls: [], ...document }));
const names = (document: object, machine: Partial<SeccompMachine> = {}): readonly string[] =>
  convertSeccomp(profile(document), {
    capabilities: [],
    architecture: "x64",
    kernel: "6.1.0-28-amd64",
    ...machine,
  }).syscalls.flatMap((rule) => rule.names);
const rule = (more: object): object => ({ names: ["read"], action: "SCMP_ACT_ALLOW", ...more });

test("a rule holds where all that it includes is so, and nothing that it excludes", () => {
  const both = { syscalls: [rule({ includes: { caps: ["CAP_KILL", "CAP_CHOWN"] } })] };
  expect(names(both)).toEqual([]);
  expect(names(both, { capabilities: ["CAP_KILL"] })).toEqual([]);
  expect(names(both, { capabilities: ["CAP_KILL", "CAP_CHOWN"] })).toEqual(["read"]);
  const either = { syscalls: [rule({ excludes: { caps: ["CAP_KILL", "CAP_CHOWN"] } })] };
  expect(names(either)).toEqual(["read"]);
  expect(names(either, { capabilities: ["CAP_CHOWN"] })).toEqual([]);
});

test("architectures are called as libseccomp calls them", () => {
  const arm = { syscalls: [rule({ includes: { arches: ["arm", "arm64"] } })] };
  expect(names(arm)).toEqual([]);
  expect(names(arm, { architecture: "arm64" })).toEqual(["read"]);
  const notPc = { syscalls: [rule({ excludes: { arches: ["amd64"] } })] };
  expect(names(notPc)).toEqual([]);
  expect(names(notPc, { architecture: "s390x" })).toEqual(["read"]);
  expect(names({ syscalls: [rule({ includes: { arches: [] } })] })).toEqual(["read"]);
});

test.each([
  ["4.8", true],
  ["6.1", true],
  ["6.2", false],
  ["7.0", false],
  ["", true],
])("of kernel 6.1.0-28-amd64, at least %s is %s", (minKernel, holds) => {
  expect(names({ syscalls: [rule({ includes: { minKernel } })] })).toEqual(holds ? ["read"] : []);
  if (minKernel !== "") expect(names({ syscalls: [rule({ excludes: { minKernel } })] })).toEqual(holds ? [] : ["read"]);
});

test("architectures come from the map's entry for the machine, or from the list", () => {
  const archMap = [
    { architecture: "SCMP_ARCH_X86_64", subArchitectures: ["SCMP_ARCH_X86", "SCMP_ARCH_X32"] },
    { architecture: "SCMP_ARCH_RISCV64", subArchitectures: null },
  ];
  const on = (architecture: string): unknown =>
    convertSeccomp(profile({ archMap }), { capabilities: [], architecture }).architectures;
  expect(on("x64")).toEqual(["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]);
  expect(on("riscv64")).toEqual(["SCMP_ARCH_RISCV64"]);
  expect(on("arm64")).toBeUndefined();
  const listed = profile({ architectures: ["SCMP_ARCH_PPC64LE"] });
  expect(convertSeccomp(listed, { capabilities: [] }).architectures).toEqual(["SCMP_ARCH_PPC64LE"]);
});

test("one name or several, errors by number or name, arguments and what Go writes for nothing", () => {
  const document = {
    defaultErrnoRet: 1,
    defaultErrno: "ENOSYS",
    architectures: null,
    flags: ["SECCOMP_FILTER_FLAG_LOG"],
    syscalls: [
      { name: "read", action: "SCMP_ACT_ALLOW", args: null, includes: null, excludes: {}, comment: "" },
      { names: ["write"], name: "", action: "SCMP_ACT_ERRNO", errnoRet: 13, args: [] },
      {
        names: ["clone"],
        action: "SCMP_ACT_ERRNO",
        errno: "EPERM",
        args: [{ index: 0, value: 4294967295, op: "SCMP_CMP_EQ" }],
      },
    ],
  };
  expect(convertSeccomp(profile(document), { capabilities: [] })).toEqual({
    defaultAction: "SCMP_ACT_ERRNO",
    defaultErrnoRet: 38,
    flags: ["SECCOMP_FILTER_FLAG_LOG"],
    syscalls: [
      { names: ["read"], action: "SCMP_ACT_ALLOW" },
      { names: ["write"], action: "SCMP_ACT_ERRNO", errnoRet: 13 },
      {
        names: ["clone"],
        action: "SCMP_ACT_ERRNO",
        errnoRet: 1,
        args: [{ index: 0, value: 4294967295, valueTwo: 0, op: "SCMP_CMP_EQ" }],
      },
    ],
  });
});

test.each([
  ["no JSON", "{", "Cannot read seccomp profile"],
  [
    "the same key twice",
    '{"defaultAction":"SCMP_ACT_ALLOW","defaultAction":"SCMP_ACT_ERRNO"}',
    "Cannot read seccomp profile",
  ],
  ["no object", "[]", "Cannot use seccomp profile"],
  ["no action", "{}", "Cannot use seccomp profile: defaultAction"],
  ["an action that is none", '{"defaultAction":"ALLOW"}', "defaultAction"],
  ["an agent to ask", '{"defaultAction":"SCMP_ACT_NOTIFY"}', "defaultAction"],
  [
    "an agent's socket",
    '{"defaultAction":"SCMP_ACT_ALLOW","listenerPath":"/run/agent"}',
    "filters that ask another process",
  ],
  [
    "name and names",
    '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"name":"a","names":["b"],"action":"SCMP_ACT_ALLOW"}]}',
    "syscalls.0: it has both name and names",
  ],
  [
    "both lists of architectures",
    '{"defaultAction":"SCMP_ACT_ALLOW","architectures":["SCMP_ARCH_X86"],"archMap":[{"architecture":"SCMP_ARCH_X86"}]}',
    "it has both architectures and archMap",
  ],
  [
    "a seventh argument",
    '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["a"],"action":"SCMP_ACT_ALLOW","args":[{"index":6,"value":0,"op":"SCMP_CMP_EQ"}]}]}',
    "syscalls.0.args.0.index",
  ],
  [
    "a number that no double is",
    '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["a"],"action":"SCMP_ACT_ALLOW","args":[{"index":0,"value":18446744073709551615,"op":"SCMP_CMP_EQ"}]}]}',
    "syscalls.0.args.0.value",
  ],
  [
    "an error of no name",
    '{"defaultAction":"SCMP_ACT_ERRNO","defaultErrno":"EWRONG"}',
    'defaultErrno: there is no error "EWRONG"',
  ],
])("a profile with %s is refused", (_what, text, message) => {
  expect(() => parseSeccompProfile(text)).toThrow(message);
  expect(() => parseSeccompProfile(text)).toThrow(expect.objectContaining({ name: "RunnerError", code: "SPEC" }));
});

// Of golang-github-containers-common, which podman needs.
const podmans = "/usr/share/containers/seccomp.json";

describe.runIf(canRun && existsSync(podmans)).each(runtimes)("podman's profile under %s", (_name, runtime) => {
  const seccomp = existsSync(podmans) ? parseSeccompProfile(readFileSync(podmans, "utf8"), podmans) : undefined;

  test("is taken, and filters", async () => {
    expect(
      await runScript("grep Seccomp: /proc/self/status; mount -t tmpfs x /tmp 2>&1; true", { seccomp }, { runtime }),
    ).toMatch(/Seccomp:\s+2\n.*(?:permission denied|Operation not permitted)/);
  });

  test("is another with other capabilities", () => {
    if (seccomp === undefined) throw new TypeError("there is none");
    const allows = (capabilities: readonly string[]): boolean =>
      convertSeccomp(seccomp, { capabilities }).syscalls.some(
        ({ names: calls, action }) => calls.includes("bpf") && action === "SCMP_ACT_ALLOW",
      );
    expect(allows([])).toBe(false);
    expect(allows(["CAP_SYS_ADMIN"])).toBe(true);
  });
});

test.runIf(canRun)("a call that a profile refuses gives the error that it names", async () => {
  const seccomp = profile({
    defaultAction: "SCMP_ACT_ALLOW",
    syscalls: [
      { names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errno: "EDQUOT" },
      { name: "chmod", action: "SCMP_ACT_ERRNO", errnoRet: 30 },
    ],
  });
  const text = await runScript("mkdir /tmp/a 2>&1; ls -d /tmp/a 2>&1; true", { seccomp });
  expect(text).toContain("Disk quota exceeded");
  expect(text).toContain("No such file");
});
