import { constants } from "node:os";
import type { SeccompArgument, SeccompProfile, SeccompProfileRule } from "./seccomp.ts";
import { allowedCalls, allowedCalls32, gatedCalls } from "./system-calls.ts";

const { EPERM, ENOSYS, EAFNOSUPPORT, EINVAL } = constants.errno;

/** CLONE_NEWNS | NEWCGROUP | NEWUTS | NEWIPC | NEWUSER | NEWPID | NEWNET: what clone(2) takes. */
const newNamespaces = 0x7e02_0000;
/** CLONE_NEWTIME, which only unshare(2) and clone3(2) take. */
const newTime = 0x80;

/** PER_LINUX, PER_LINUX32, both with UNAME26, and what asks which one it is. */
const personalities = [0, 8, 0x2_0000, 0x2_0008, 0xffff_ffff];

// address_families(7)
const [inet6, netlink, packet, alg, vsock, newest] = [10, 16, 17, 38, 40, 45];
const netlinkAudit = 9;

type Conditions = Pick<SeccompProfileRule, "includes" | "excludes">;

/**
 * What a program may call of the kernel: a list of what is allowed, and of what is refused; whatever
 * is on neither is answered as by a kernel that has no such call, so that programs do without it.
 * 32-bit programs are not let in on 64-bit machines: half of the kernel's entrances are for them, and
 * a filter for both takes twice as long to make. Why each call is where it is:
 * docs/decisions/0012-seccomp.md.
 */
export const defaultSeccomp: SeccompProfile = {
  defaultAction: "SCMP_ACT_ERRNO",
  defaultErrnoRet: ENOSYS,
  syscalls: [
    allow(allowedCalls),
    // Other machines of 64 bits have some of them.
    allow(allowedCalls32, [], { excludes: { arches: ["amd64", "arm64"] } }),
    ...gatedCalls.flatMap(({ capabilities, names }) => gated(capabilities, names)),
    ...namespaces(),
    ...personalities.map((value) => allow(["personality"], [{ index: 0, value, op: "SCMP_CMP_EQ" }])),
    ...sockets(),
  ],
};

/** The same for images of 32-bit programs, which may run on a machine of 64 bits. */
export const defaultSeccomp32: SeccompProfile = {
  ...defaultSeccomp,
  archMap: [
    { architecture: "SCMP_ARCH_X86_64", subArchitectures: ["SCMP_ARCH_X86"] },
    { architecture: "SCMP_ARCH_AARCH64", subArchitectures: ["SCMP_ARCH_ARM"] },
  ],
  syscalls: [
    // Of x86, all that is done with sockets, behind one number: the only way to them that its libc has.
    allow([...allowedCalls32, "socketcall"], [], { includes: { arches: ["amd64", "arm64"] } }),
    ...defaultSeccomp.syscalls,
  ],
};

/** Allowed with any of the capabilities: a rule for each, since one rule's must all be there. */
function gated(capabilities: readonly string[], names: readonly string[]): readonly SeccompProfileRule[] {
  return [
    ...capabilities.map((name, at) =>
      allow(names, [], { includes: { caps: [name] }, excludes: { caps: capabilities.slice(0, at) } }),
    ),
    refuse(names, EPERM, [], { excludes: { caps: capabilities } }),
  ];
}

/** New namespaces are for who has CAP_SYS_ADMIN: a user namespace of its own would give a process every capability in it. */
function namespaces(): readonly SeccompProfileRule[] {
  const caps = ["CAP_SYS_ADMIN"];
  const arches = ["s390", "s390x"];
  return [
    allow(["clone", "clone3", "unshare"], [], { includes: { caps } }),
    ...withoutFlags("clone", newNamespaces, 0, { excludes: { caps, arches } }),
    ...withoutFlags("clone", newNamespaces, 1, { excludes: { caps }, includes: { arches } }),
    ...withoutFlags("unshare", newNamespaces | newTime, 0, { excludes: { caps } }),
    // Its flags are behind a pointer, where no filter can look; told that it is missing, libc uses clone.
    refuse(["clone3"], ENOSYS, [], { excludes: { caps } }),
  ];
}

/** Allowed with none of the flags, refused with any; a rule for each flag, since one rule's arguments must all be so. */
function withoutFlags(name: string, mask: number, index: number, when: Conditions): readonly SeccompProfileRule[] {
  const op = "SCMP_CMP_MASKED_EQ";
  const flags = Array.from({ length: 31 }, (_, bit) => 2 ** bit).filter((flag) => (mask & flag) !== 0);
  return [
    allow([name], [{ index, value: mask, valueTwo: 0, op }], when),
    ...flags.map((flag) => refuse([name], EPERM, [{ index, value: flag, valueTwo: flag, op }], when)),
  ];
}

/**
 * Unix, internet, netlink and packet sockets, and with CAP_NET_ADMIN most others, which are rarely
 * used and so rarely looked at; never the host's virtual machines (AF_VSOCK), nor the kernel's ciphers
 * (AF_ALG, CVE-2026-31431). A filter compares 64 bits of which the kernel takes 32, so what is not
 * listed must be refused, whatever it is.
 */
function sockets(): readonly SeccompProfileRule[] {
  const names = ["socket", "socketpair"];
  const few: Conditions = { excludes: { caps: ["CAP_NET_ADMIN"] } };
  const most: Conditions = { includes: { caps: ["CAP_NET_ADMIN"] } };
  const equal = (when: Conditions, families: readonly number[], rule: typeof allow): readonly SeccompProfileRule[] =>
    families.map((value) => rule(names, [family("EQ", value)], when));
  const none: typeof allow = (calls, args, when) => refuse(calls, EAFNOSUPPORT, args, when);
  const isNetlink = family("EQ", netlink);
  const isAudit: SeccompArgument = { index: 2, value: netlinkAudit, op: "SCMP_CMP_EQ" };
  return [
    allow(names, [family("LT", 3)], few),
    ...equal(few, [inet6, packet], allow),
    ...equal(few, [3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15], none),
    none(names, [family("GT", packet)], few),

    allow(names, [family("LT", netlink)], most),
    ...equal(most, [...range(packet, alg - 1), 39, ...range(vsock + 1, newest)], allow),
    ...equal(most, [alg, vsock], none),
    none(names, [family("GT", newest)], most),

    allow(names, [isNetlink, { ...isAudit, op: "SCMP_CMP_NE" }]),
    // As a kernel without auditing answers: programs that log in or make users go on then, and stop at any other error.
    refuse(names, EINVAL, [isNetlink, isAudit], { excludes: { caps: ["CAP_AUDIT_WRITE"] } }),
    allow(names, [isNetlink, isAudit], { includes: { caps: ["CAP_AUDIT_WRITE"] } }),
  ];
}

function family(op: "EQ" | "LT" | "GT", value: number): SeccompArgument {
  return { index: 0, value, op: `SCMP_CMP_${op}` };
}

function range(first: number, last: number): readonly number[] {
  return Array.from({ length: last - first + 1 }, (_, at) => first + at);
}

function allow(
  names: readonly string[],
  args: readonly SeccompArgument[] = [],
  when: Conditions = {},
): SeccompProfileRule {
  return { names, action: "SCMP_ACT_ALLOW", args, ...when };
}

function refuse(
  names: readonly string[],
  errnoRet: number,
  args: readonly SeccompArgument[] = [],
  when: Conditions = {},
): SeccompProfileRule {
  return { names, action: "SCMP_ACT_ERRNO", errnoRet, args, ...when };
}
