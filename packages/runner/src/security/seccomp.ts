import { release } from "node:os";

/** A condition on an argument of a call: `op` over `value`, and `valueTwo` where it takes two. */
export interface SeccompArgument {
  /** From 0 to 5. */
  readonly index: number;
  readonly value: number;
  readonly valueTwo?: number | undefined;
  readonly op: string;
}

/** The `linux.seccomp` of a runtime spec (config-linux.md §Seccomp). */
export interface Seccomp {
  readonly defaultAction: string;
  readonly defaultErrnoRet?: number;
  readonly architectures?: readonly string[];
  readonly flags?: readonly string[];
  readonly syscalls: readonly SeccompRule[];
}

interface SeccompRule {
  readonly names: readonly string[];
  readonly action: string;
  readonly errnoRet?: number;
  /** All of them must hold. */
  readonly args?: readonly SeccompArgument[];
}

/**
 * A seccomp profile as docker and podman read it (`--security-opt seccomp=FILE`): rules that hold
 * only with, or without, some capabilities, architectures or kernels.
 */
export interface SeccompProfile {
  readonly defaultAction: string;
  readonly defaultErrnoRet?: number | undefined;
  readonly architectures?: readonly string[] | undefined;
  /** In place of `architectures`: the machine's own, and those that it runs besides. */
  readonly archMap?:
    | readonly { readonly architecture: string; readonly subArchitectures?: readonly string[] | undefined }[]
    | undefined;
  readonly flags?: readonly string[] | undefined;
  readonly syscalls: readonly SeccompProfileRule[];
}

export interface SeccompProfileRule {
  readonly names: readonly string[];
  readonly action: string;
  readonly errnoRet?: number | undefined;
  readonly args?: readonly SeccompArgument[] | undefined;
  /** What must all be so for the rule to hold. */
  readonly includes?: SeccompCondition | undefined;
  /** What must not be so, not one of it. */
  readonly excludes?: SeccompCondition | undefined;
}

interface SeccompCondition {
  readonly caps?: readonly string[] | undefined;
  /** As libseccomp names them: `amd64`, `arm64`. */
  readonly arches?: readonly string[] | undefined;
  /** `4.8`: that or a later one. */
  readonly minKernel?: string | undefined;
}

/** What a profile's conditions are asked of. */
export interface SeccompMachine {
  /** The bounding set of the container. */
  readonly capabilities: readonly string[];
  /** As Node names it. Default: this process's. */
  readonly architecture?: string;
  /** The kernel's release. Default: this machine's. */
  readonly kernel?: string;
}

// As libseccomp has them: the name in conditions, and that in lists of architectures.
const architectures: Readonly<Record<string, readonly [condition: string, listed: string]>> = {
  x64: ["amd64", "SCMP_ARCH_X86_64"],
  ia32: ["x86", "SCMP_ARCH_X86"],
  arm64: ["arm64", "SCMP_ARCH_AARCH64"],
  arm: ["arm", "SCMP_ARCH_ARM"],
  ppc64: ["ppc64le", "SCMP_ARCH_PPC64LE"],
  s390x: ["s390x", "SCMP_ARCH_S390X"],
  riscv64: ["riscv64", "SCMP_ARCH_RISCV64"],
  loong64: ["loongarch64", "SCMP_ARCH_LOONGARCH64"],
};

/**
 * A docker-format profile as a runtime takes it, for a container with these capabilities on this
 * machine: conditions are decided, so that the rules that are left hold always.
 */
export function convertSeccomp(profile: SeccompProfile, machine: SeccompMachine): Seccomp {
  const { capabilities, architecture = process.arch, kernel = release() } = machine;
  const [condition = architecture, listed = ""] = architectures[architecture] ?? [];
  const holds = ({ includes, excludes }: SeccompProfileRule): boolean =>
    (includes?.caps ?? []).every((name) => capabilities.includes(name)) &&
    isNoneOr(includes?.arches, (arches) => arches.includes(condition)) &&
    isNoneOr(includes?.minKernel, (least) => isAtLeast(kernel, least)) &&
    !(excludes?.caps ?? []).some((name) => capabilities.includes(name)) &&
    !(excludes?.arches ?? []).includes(condition) &&
    (excludes?.minKernel === undefined || !isAtLeast(kernel, excludes.minKernel));
  const mapped = profile.archMap?.find((each) => each.architecture === listed);
  const all = mapped === undefined ? profile.architectures : [listed, ...(mapped.subArchitectures ?? [])];
  return {
    defaultAction: profile.defaultAction,
    ...(profile.defaultErrnoRet === undefined ? {} : { defaultErrnoRet: profile.defaultErrnoRet }),
    // With none listed it is the machine's own, and no other is let in.
    ...(all === undefined || all.length === 0 ? {} : { architectures: all }),
    ...(profile.flags === undefined || profile.flags.length === 0 ? {} : { flags: profile.flags }),
    syscalls: profile.syscalls.filter(holds).map(toRule),
  };
}

function toRule({ names, action, errnoRet, args = [] }: SeccompProfileRule): SeccompRule {
  return {
    names,
    action,
    ...(errnoRet === undefined ? {} : { errnoRet }),
    ...(args.length === 0 ? {} : { args }),
  };
}

/** A condition that says nothing holds. */
function isNoneOr<T extends string | readonly string[]>(value: T | undefined, holds: (value: T) => boolean): boolean {
  return value === undefined || value.length === 0 || holds(value);
}

/** Whether a release such as "6.1.0-28-amd64" is of version "4.8" or a later one. */
function isAtLeast(kernel: string, least: string): boolean {
  const [major = 0, minor = 0] = kernel.split(".").map((part) => Number.parseInt(part, 10));
  const [wantedMajor = 0, wantedMinor = 0] = least.split(".").map((part) => Number.parseInt(part, 10));
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
}
