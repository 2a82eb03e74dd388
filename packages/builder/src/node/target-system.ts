import { parsePlatform } from "@lading/oci";
import type { Conditions } from "./lockfile.ts";

/** What Node would say of the system that an image runs on. */
export interface TargetSystem {
  /** As it was asked for: "linux/arm64". */
  readonly platform: string;
  readonly os: string;
  readonly cpu: string;
  readonly libc: Libc | undefined;
}

export type Libc = "glibc" | "musl";

const cpus: Readonly<Record<string, string>> = { amd64: "x64", "386": "ia32", ppc64le: "ppc64", mips64le: "mips64el" };

/** What Node says on a platform: `process.platform`, `process.arch`. */
export function systemOf(platform: string, libc: Libc): TargetSystem {
  const { os, architecture } = parsePlatform(platform);
  return {
    platform,
    os: os === "windows" ? "win32" : os,
    cpu: cpus[architecture] ?? architecture,
    libc: os === "linux" ? libc : undefined,
  };
}

/** The C library of a base, by its name: Alpine's is musl. */
export function libcOf(base: string): Libc {
  return /alpine|musl/i.test(base) ? "musl" : "glibc";
}

/** Whether a package of these conditions is for the system, as npm and pnpm judge. */
export function runsOn(conditions: Conditions | undefined, { os, cpu, libc }: TargetSystem): boolean {
  if (conditions === undefined) return true;
  if (!admits(conditions.os, os) || !admits(conditions.cpu, cpu)) return false;
  return conditions.libc === undefined || (libc !== undefined && admits(conditions.libc, libc));
}

function admits(list: readonly string[] | undefined, value: string): boolean {
  if (list === undefined || list.length === 0 || list.includes("any")) return true;
  if (list.includes(`!${value}`)) return false;
  return list.includes(value) || list.every((one) => one.startsWith("!"));
}

/**
 * What the name of a package says that holds programs for one system ("@esbuild/linux-arm64",
 * "@rollup/rollup-linux-x64-musl"); undefined when it says nothing. For lockfiles that do not say it themselves.
 */
export function conditionsByName(name: string): Conditions | undefined {
  const words = name.slice(name.lastIndexOf("/") + 1).split(/[-_.]/);
  const os = words.find((word) => systems.has(word));
  const cpu = words.find((word) => processors.has(word));
  if (os === undefined || cpu === undefined) return undefined;
  const libc = words.some((word) => word.startsWith("musl") || word === "linuxmusl")
    ? "musl"
    : words.some((word) => word.startsWith("gnu"))
      ? "glibc"
      : undefined;
  return {
    os: [os === "linuxmusl" ? "linux" : os === "windows" ? "win32" : os],
    cpu: [cpu],
    libc: libc === undefined ? undefined : [libc],
  };
}

const systems: ReadonlySet<string> = new Set([
  "linux",
  "linuxmusl",
  "darwin",
  "win32",
  "windows",
  "freebsd",
  "openbsd",
  "netbsd",
  "sunos",
  "aix",
  "android",
]);
const processors: ReadonlySet<string> = new Set([
  "x64",
  "arm64",
  "arm",
  "ia32",
  "ppc64",
  "riscv64",
  "s390x",
  "loong64",
  "mips64el",
]);
