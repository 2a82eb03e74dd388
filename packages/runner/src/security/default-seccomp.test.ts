import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import type { ContainerPlan } from "../container-plan.ts";
import { readHost } from "../host/read-host.ts";
import { canRun, runBundle, runScript, runtimes, testFacts, testPlan } from "../spec/run-bundle.suite.ts";
import { capabilityNames } from "./capabilities.ts";
import { defaultSeccomp, defaultSeccomp32 } from "./default-seccomp.ts";
import { convertSeccomp, type SeccompProfile } from "./seccomp.ts";
import { absentCalls, allowedCalls, allowedCalls32, gatedCalls, judgedCalls } from "./system-calls.ts";
import { probeAnswers, type ProbedCall, probeProgram } from "./system-call-probe.suite.ts";

const lists = [allowedCalls, allowedCalls32, ...gatedCalls.map(({ names }) => names), judgedCalls, absentCalls];

test("no call is in two lists", () => {
  const all = lists.flat();
  expect(all.filter((name, at) => all.indexOf(name) !== at)).toEqual([]);
});

const headers = ["unistd_64.h", "unistd_32.h"]
  .map((name) => `/usr/include/x86_64-linux-gnu/asm/${name}`)
  .filter((path) => existsSync(path));

test.runIf(headers.length > 0).each(headers)("every call of %s was thought of", (path) => {
  const known = new Set(lists.flat());
  const names = [...readFileSync(path, "utf8").matchAll(/^#define __NR_(\w+) \d+$/gm)].map(([, name = ""]) => name);
  expect(names.length).toBeGreaterThan(300);
  expect(names.filter((name) => !known.has(name))).toEqual([]);
});

test("a call has one rule, or rules that judge what is passed to it", () => {
  for (const capabilities of [[], capabilityNames, ["CAP_NET_ADMIN"], ["CAP_BPF"], ["CAP_SYS_ADMIN", "CAP_SYSLOG"]]) {
    const { syscalls } = convertSeccomp(defaultSeccomp, { capabilities });
    const plain = syscalls.filter(({ args }) => args === undefined).flatMap(({ names }) => names);
    expect(new Set(plain).size).toBe(plain.length);
    const judged = new Set(syscalls.filter(({ args }) => args !== undefined).flatMap(({ names }) => names));
    expect(plain.filter((name) => judged.has(name))).toEqual([]);
  }
});

function architecturesOf(profile: SeccompProfile): readonly unknown[] {
  return ["x64", "arm64", "s390x"].map(
    (architecture) => convertSeccomp(profile, { capabilities: [], architecture }).architectures,
  );
}

test("32-bit programs are let in where the image is of such, those of x32 never", () => {
  expect(architecturesOf(defaultSeccomp)).toEqual([undefined, undefined, undefined]);
  expect(architecturesOf(defaultSeccomp32)).toEqual([
    ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
    ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"],
    undefined,
  ]);
});

test.each([
  ["amd64", defaultSeccomp],
  ["386", defaultSeccomp32],
  ["arm", defaultSeccomp32],
] as const)("an image for %s is run under the profile for it", (architecture, profile) => {
  const { seccomp, capabilities } = testPlan({}, { facts: { ...testFacts, architecture } });
  expect(seccomp).toEqual(convertSeccomp(profile, { capabilities: capabilities.bounding }));
});

// Numbers of x86-64, and arguments that the kernel itself would not take but for other reasons than a want of rights.
const bad = -1;
const refused: Readonly<Record<string, ProbedCall>> = {
  mount: { number: 165, args: [1, 1] },
  umount2: { number: 166, args: [1, bad] },
  pivot_root: { number: 155, args: [1, 1] },
  setns: { number: 308, args: [bad, 0] },
  fsopen: { number: 430, args: [1, bad] },
  fsconfig: { number: 431, args: [bad] },
  fsmount: { number: 432, args: [bad, bad] },
  fspick: { number: 433, args: [bad, 1, bad] },
  move_mount: { number: 429, args: [bad, 1, bad, 1, bad] },
  open_tree: { number: 428, args: [bad, 1, bad] },
  mount_setattr: { number: 442, args: [bad, 1, bad] },
  swapon: { number: 167, args: [1, bad] },
  swapoff: { number: 168, args: [1] },
  quotactl: { number: 179, args: [bad, 1] },
  sethostname: { number: 170, args: [1, bad] },
  setdomainname: { number: 171, args: [1, bad] },
  fanotify_init: { number: 300, args: [bad, bad] },
  add_key: { number: 248, args: [1, 1] },
  request_key: { number: 249, args: [1, 1] },
  keyctl: { number: 250, args: [9999] },
  io_uring_setup: { number: 425, args: [0, 1] },
  ptrace: { number: 101, args: [9999, bad] },
  process_vm_readv: { number: 310, args: [bad, 1, 1, 1, 1, bad] },
  process_vm_writev: { number: 311, args: [bad, 1, 1, 1, 1, bad] },
  kcmp: { number: 312, args: [bad, bad] },
  pidfd_getfd: { number: 438, args: [bad] },
  userfaultfd: { number: 323, args: [bad] },
  init_module: { number: 175, args: [1, 1, 1] },
  finit_module: { number: 313, args: [bad, 1] },
  delete_module: { number: 176, args: [1] },
  reboot: { number: 169, args: [1] },
  kexec_load: { number: 246, args: [0, 0, 0, bad] },
  kexec_file_load: { number: 320, args: [bad, bad, 0, 0, bad] },
  acct: { number: 163, args: [1] },
  settimeofday: { number: 164, args: [1, 1] },
  clock_settime: { number: 227, args: [99, 1] },
  iopl: { number: 172, args: [9] },
  ioperm: { number: 173, args: [bad, bad] },
  mbind: { number: 237, args: [1, 1, 99] },
  set_mempolicy: { number: 238, args: [99] },
  migrate_pages: { number: 256, args: [bad, 1, 1, 1] },
  move_pages: { number: 279, args: [bad, 1, 1, 1, 1, bad] },
  open_by_handle_at: { number: 304, args: [bad, 1] },
  bpf: { number: 321, args: [bad, 1, 0] },
  perf_event_open: { number: 298, args: [1] },
  syslog: { number: 103, args: [9999] },
  clone: { number: 56, args: [0x1000_0000] },
  unshare: { number: 272, args: [0x1000_0000] },
};
const newTime = 0x80;
const namespaces = [newTime, 0x2_0000, 0x200_0000, 0x400_0000, 0x800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000];

const EPERM = -1;
const ENOSYS = -38;
const EAFNOSUPPORT = -97;
const EINVAL = -22;
const EFAULT = -14;

async function answers(
  calls: readonly ProbedCall[],
  plan: ContainerPlan,
  runtime: readonly string[],
): Promise<readonly number[]> {
  const { stdout, stderr } = await runBundle(plan, {
    runtime,
    binary: true,
    prepare: (root) => writeFileSync(join(root, "probe"), probeProgram(calls), { mode: 0o755 }),
  });
  const found = probeAnswers(Buffer.from(stdout, "latin1"));
  if (found.length !== calls.length) throw new Error(`${found.length} answers of ${calls.length}: ${stderr}`);
  return found;
}

function socket(family: number | bigint, type = 2, protocol = 0): ProbedCall {
  return { number: 41, args: [family, type, protocol] };
}

/** Every capability that this process has, under the filter of a container with those of `given`. */
function filtered(given: readonly string[]): ContainerPlan {
  const plan = testPlan({ command: ["/probe"], capAdd: ["ALL"] });
  const { bounding } = plan.capabilities;
  const capabilities = bounding.filter((name) => given.includes(name));
  return { ...plan, seccomp: convertSeccomp(defaultSeccomp, { capabilities }) };
}

/** Whether this machine answers them outside of containers: kernels may be built without, and some hypervisors end who tries. */
function has32BitCalls(): boolean {
  const folder = mkdtempSync(join(tmpdir(), "lading-test-"));
  try {
    const probe = join(folder, "probe");
    writeFileSync(probe, probeProgram([{ number: 20, compatible: true }]), { mode: 0o755 });
    const { status, stdout } = spawnSync(probe);
    return status === 0 && (probeAnswers(stdout)[0] ?? 0) > 0;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe.runIf(canRun && process.arch === "x64").each(runtimes)("under %s", (_name, runtime) => {
  test("what takes a capability is refused without it, whatever rights the program has", async () => {
    const found = await answers(Object.values(refused), filtered([]), runtime);
    const told = Object.fromEntries(Object.keys(refused).map((name, at) => [name, found[at]]));
    expect(told).toEqual(Object.fromEntries(Object.keys(refused).map((name) => [name, EPERM])));
  });

  test("and reaches the kernel with it", async () => {
    const { clone: _clone, unshare: _unshare, ...calls } = refused;
    const host = new Set(readHost().capabilities);
    const found = await answers(Object.values(calls), filtered(capabilityNames), runtime);
    const names = Object.keys(calls).filter((_, at) => found[at] === EPERM);
    // What this machine's own limits keep from everybody.
    const gate = (name: string): boolean =>
      gatedCalls.some((each) => each.names.includes(name) && each.capabilities.some((needed) => host.has(needed)));
    expect(names.filter(gate)).toEqual([]);
  });

  test("namespaces are not to be had, and processes and threads are", async () => {
    const calls = [
      ...namespaces.map((flag) => ({ number: 272, args: [flag] })),
      ...namespaces.filter((flag) => flag !== newTime).map((flag) => ({ number: 56, args: [flag | 17] })),
    ];
    const free = [
      { number: 272, args: [0x200] },
      { number: 435, args: [1, 0] },
    ];
    const found = await answers([...calls, ...free], filtered([]), runtime);
    expect(found.slice(0, calls.length)).toEqual(calls.map(() => EPERM));
    expect(found.slice(calls.length)).toEqual([0, ENOSYS]);
    const powerful = filtered(["CAP_SYS_ADMIN"]);
    expect(await answers([{ number: 272, args: [0x400_0000] }], powerful, runtime)).toEqual([0]);
  });

  test("sockets are of few families, and with CAP_NET_ADMIN of most", async () => {
    const cut = 2n ** 32n;
    const never = [38, 40, cut + 38n, cut + 40n].map((family) => socket(family, 5));
    const rare = [3, 9, 15, 21, 30, 31, 44, 99].map((family) => socket(family, 5));
    const usual = [socket(1), socket(2), socket(10), socket(16, 3)];
    const few = await answers([...never, ...rare, ...usual], filtered([]), runtime);
    expect(few.slice(0, -usual.length)).toEqual([...never, ...rare].map(() => EAFNOSUPPORT));
    for (const descriptor of few.slice(-usual.length)) expect(descriptor).toBeGreaterThan(2);
    const most = await answers([...never, socket(17, 3)], filtered(["CAP_NET_ADMIN"]), runtime);
    expect(most.slice(0, -1)).toEqual(never.map(() => EAFNOSUPPORT));
    expect(most.at(-1)).toBeGreaterThan(2);
    // Auditing looks absent, so that programs go on without.
    expect(await answers([socket(16, 3, 9)], filtered([]), runtime)).toEqual([EINVAL]);
    expect((await answers([socket(16, 3, 9)], filtered(["CAP_AUDIT_WRITE"]), runtime))[0]).not.toBe(EINVAL);
  });

  test.runIf(has32BitCalls())("32-bit programs are ended, unless the image is of such", async () => {
    const compatible = true;
    const calls = [
      { number: 20, compatible }, // getpid
      { number: 359, args: [38, 5, 0], compatible }, // socket
      { number: 359, args: [1, 2, 0], compatible },
      { number: 21, args: [1, 1], compatible }, // mount
      { number: 102, args: [1, 1], compatible }, // socketcall
    ];
    const seccomp = convertSeccomp(defaultSeccomp32, { capabilities: [] });
    const [pid, ...found] = await answers(calls, { ...filtered([]), seccomp }, runtime);
    expect(pid).toBeGreaterThan(0);
    expect(found[0]).toBe(EAFNOSUPPORT);
    expect(found[1]).toBeGreaterThan(2);
    expect(found.slice(2)).toEqual([EPERM, EFAULT]);
    await expect(answers(calls, filtered([]), runtime)).rejects.toThrow("0 answers of 5");
  });

  test("what nobody has heard of is not there", async () => {
    const calls = [134, 156, 174, 500, 9999].map((number) => ({ number }));
    expect(await answers(calls, filtered(capabilityNames), runtime)).toEqual(calls.map(() => ENOSYS));
    const persona = [0, 8, 0xffff_ffff, 0x4_0000, 0x20_0000].map((value) => ({ number: 135, args: [value] }));
    expect(await answers(persona, filtered([]), runtime)).toEqual([0, 0, 8, ENOSYS, ENOSYS]);
  });
});

// The programs of this machine, on its own files, which they cannot change.
const programs: readonly (readonly [name: string, path: string, script: string, answer: string])[] = [
  [
    "node",
    process.execPath,
    `/node/node -e 'new (require("worker_threads").Worker)("console.log(require(\\"fs\\").readFileSync(\\"/etc/passwd\\").length > 0)", {eval: true})'`,
    "true",
  ],
  [
    "python3",
    "/usr/bin/python3",
    `/usr/bin/python3 -c 'import threading, subprocess; t = threading.Thread(target=lambda: print(subprocess.check_output(["/bin/echo", "ran"]).decode())); t.start(); t.join()'`,
    "ran",
  ],
  [
    "gcc",
    "/usr/bin/gcc",
    `echo 'int main(void){return 42;}' > /tmp/a.c && gcc -o /tmp/a /tmp/a.c && /tmp/a; echo $?`,
    "42",
  ],
  ["bash", "/bin/bash", `/bin/bash -c 'cat <(echo piped) | tee /tmp/b; sleep 0.01 & wait'`, "piped"],
  [
    "perl",
    "/usr/bin/perl",
    `/usr/bin/perl -e 'if (my $p = fork) { waitpid $p, 0; print "forked\\n" } else { exit 0 }'`,
    "forked",
  ],
  [
    "git",
    "/usr/bin/git",
    `cd /tmp && git init -q r && cd r && git -c user.name=a -c user.email=a@b commit -q --allow-empty -m made && git log --format=%s`,
    "made",
  ],
];

describe.runIf(canRun)("programs run under it", () => {
  test.each(programs.filter(([, path]) => existsSync(path)))("%s", async (_name, _path, script, answer) => {
    const mounts = ["/usr", "/lib", "/lib64", "/bin", "/etc", "/root"]
      .filter((source) => existsSync(source))
      .map((source) => ({ type: "bind", source, destination: source, readonly: true }) as const);
    const node = { type: "bind", source: dirname(process.execPath), destination: "/node", readonly: true } as const;
    const tmp = { type: "tmpfs", destination: "/tmp", options: ["exec"] } as const;
    expect(await runScript(script, { mounts: [...mounts, node, tmp] })).toContain(answer);
  });
});
