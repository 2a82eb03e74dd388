import { closeSync, openSync, readdirSync, readSync, statSync } from "node:fs";
import { BuildError } from "../errors.ts";
import type { InstalledPackage } from "./installed.ts";
import type { TargetSystem } from "./target-system.ts";

/**
 * Refuses packages whose add-on was compiled for another system than one that is built for, or that come with
 * compiled ones of which none is for it. Throws BuildError SOURCE_MISSING.
 */
export function refuseForeignAddons(
  root: string,
  packages: readonly InstalledPackage[],
  systems: readonly TargetSystem[],
): void {
  for (const { folder, locked, systems: own = systems } of packages) {
    if (locked.scripts === false) continue;
    const disk = `${root}/${folder}`;
    const compiled = addonsIn(`${disk}/build/Release`, "build/Release");
    const prebuilt = compiled.length > 0 ? [] : prebuildsIn(`${disk}/prebuilds`);
    for (const system of own) {
      const foreign = compiled.find((file) => !isFor(`${disk}/${file}`, system));
      if (foreign !== undefined)
        throw new BuildError(
          "SOURCE_MISSING",
          `Cannot build for ${system.platform}: ${foreign} of ${locked.name} ${locked.version} was compiled for another platform`,
          { hint: `Install the packages on ${system.platform}, or build for the platform of this machine alone` },
        );
      if (prebuilt.length > 0 && !prebuilt.some((name) => fits(name, system)))
        throw new BuildError(
          "SOURCE_MISSING",
          `Cannot build for ${system.platform}: ${locked.name} ${locked.version} has compiled add-ons only for ${prebuilt.join(", ")}`,
          { hint: `Choose a version of ${locked.name} that has one, or compile it on ${system.platform}` },
        );
    }
  }
}

function addonsIn(folder: string, shown: string): string[] {
  return namesIn(folder).flatMap((name) => (name.endsWith(".node") ? [`${shown}/${name}`] : []));
}

/** "linux-x64", "darwin-x64+arm64": as prebuildify names folders. */
function prebuildsIn(folder: string): string[] {
  return namesIn(folder).filter((name) => /^[a-z0-9]+-[a-z0-9+]+$/.test(name));
}

function namesIn(folder: string): string[] {
  return statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true ? readdirSync(folder) : [];
}

function fits(name: string, { os, cpu }: TargetSystem): boolean {
  const [system, cpus = ""] = name.split("-");
  return system === os && cpus.split("+").includes(cpu);
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

/** Whether a shared library can be loaded on the system, as its header says. */
function isFor(path: string, { os, cpu }: TargetSystem): boolean {
  const head = Buffer.alloc(20);
  const file = openSync(path, "r");
  try {
    readSync(file, head, 0, head.length, 0);
  } finally {
    closeSync(file);
  }
  const isElf = head.readUInt32BE(0) === 0x7f454c46;
  if (!isElf) return os !== "linux" && os !== "freebsd";
  const bigEndian = head[5] === 2;
  const machine = bigEndian ? head.readUInt16BE(18) : head.readUInt16LE(18);
  return os !== "win32" && os !== "darwin" && (machines[machine]?.includes(cpu) ?? true);
}
