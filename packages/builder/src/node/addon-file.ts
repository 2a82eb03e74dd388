import { isFields } from "../fields.ts";
import type { TargetSystem } from "./target-system.ts";

/** What a compiled add-on says of where it can be loaded. */
export interface AddonFacts {
  /** Names of processors as Node has them; undefined when it is none of ELF's that are known here. */
  readonly cpus?: readonly string[] | undefined;
  readonly elf: boolean;
  /** The C library that it names; undefined when it names none. */
  readonly libc?: string | undefined;
}

// e_machine of ELF.
const machines: Readonly<Record<number, readonly string[]>> = {
  3: ["ia32"],
  21: ["ppc64"],
  22: ["s390x"],
  40: ["arm"],
  62: ["x64"],
  183: ["arm64"],
  243: ["riscv64"],
  258: ["loong64"],
};

/** Reads an add-on: its ELF header, and which C library its dynamic section asks for by name. */
export function readAddon(bytes: Buffer): AddonFacts {
  if (bytes.length < 20 || bytes.readUInt32BE(0) !== 0x7f454c46) return { elf: false };
  const machine = bytes[5] === 2 ? bytes.readUInt16BE(18) : bytes.readUInt16LE(18);
  const libc = bytes.includes("\0libc.so.6\0") ? "glibc" : bytes.includes("\0libc.musl-") ? "musl" : undefined;
  return { elf: true, cpus: machines[machine], libc };
}

export function isAddonFacts(value: unknown): value is AddonFacts {
  return isFields(value) && typeof value["elf"] === "boolean";
}

/** Whether it can be loaded on the system, as far as it says. */
export function addonFor({ elf, cpus, libc }: AddonFacts, system: TargetSystem): boolean {
  if (!elf) return system.os !== "linux" && system.os !== "freebsd";
  if (system.os === "win32" || system.os === "darwin" || cpus?.includes(system.cpu) === false) return false;
  return libc === undefined || system.libc === undefined || libc === system.libc;
}
