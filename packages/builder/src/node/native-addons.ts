import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { BuildError } from "../errors.ts";
import { addonFor, isAddonFacts, readAddon } from "./addon-file.ts";
import type { InstalledPackage } from "./installed.ts";
import type { StatMemory } from "./stat-memory.ts";
import type { TargetSystem } from "./target-system.ts";

/**
 * Refuses packages whose add-on was compiled for another system than one that is built for, or that come with
 * compiled ones of which none is for it. Returns what to warn of: add-ons that nobody compiled.
 * Throws BuildError SOURCE_MISSING.
 */
export function checkAddons(
  root: string,
  packages: readonly InstalledPackage[],
  systems: readonly TargetSystem[],
  memory: StatMemory,
): string[] {
  const warnings: string[] = [];
  for (const one of packages) {
    if (one.locked.scripts === false) continue;
    const disk = `${root}/${one.folder}`;
    const prebuilt = prebuildsIn(`${disk}/prebuilds`);
    const addons = addonsIn(disk, "").filter((file) => !file.startsWith("prebuilds/"));
    const compiled = addons.filter((file) => file.startsWith("build/Release/"));
    const fits = (file: string, system: TargetSystem): boolean => {
      const facts = memory.of(`${disk}/${file}`, isAddonFacts, (path) => readAddon(readFileSync(path)));
      return facts !== undefined && addonFor(facts, system);
    };
    for (const system of one.systems ?? systems) {
      // What was compiled here is loaded first, and of several that came along any may be.
      const foreign =
        compiled.find((file) => !fits(file, system)) ??
        (compiled.length === 0 && prebuilt.length === 0 && !addons.some((file) => fits(file, system))
          ? addons[0]
          : undefined);
      if (foreign !== undefined) throw compiledElsewhere(one, foreign, system);
      if (compiled.length === 0 && prebuilt.length > 0 && !prebuilt.some((each) => isPrebuiltFor(each, system)))
        throw lacksPrebuilt(one, prebuilt, system);
    }
    if (addons.length === 0 && prebuilt.length === 0 && existsSync(`${disk}/binding.gyp`))
      warnings.push(
        `${one.locked.name} ${one.locked.version} has an add-on to compile (binding.gyp), and it is not compiled: ` +
          "its install script was not run",
      );
  }
  return warnings;
}

function compiledElsewhere({ locked }: InstalledPackage, file: string, { platform, libc }: TargetSystem): BuildError {
  const system = libc === undefined ? platform : `${platform} with ${libc}`;
  return new BuildError(
    "SOURCE_MISSING",
    `Cannot build for ${platform}: ${file} of ${locked.name} ${locked.version} was compiled for another platform than ${system}`,
    { hint: `Install the packages on ${system}, or build for the platform of this machine alone` },
  );
}

function lacksPrebuilt({ locked }: InstalledPackage, there: readonly Prebuilt[], system: TargetSystem): BuildError {
  return new BuildError(
    "SOURCE_MISSING",
    `Cannot build for ${system.platform}: ${locked.name} ${locked.version} has compiled add-ons only for ${there.map(({ name }) => name).join(", ")}`,
    { hint: `Choose a version of ${locked.name} that has one, or compile it on ${system.platform}` },
  );
}

/** Paths below a package, without those of packages in it. */
function addonsIn(folder: string, inner: string): string[] {
  return readdirSync(`${folder}/${inner}`, { withFileTypes: true }).flatMap((entry) => {
    const path = inner + entry.name;
    if (entry.isDirectory()) return entry.name === "node_modules" ? [] : addonsIn(folder, `${path}/`);
    return entry.name.endsWith(".node") ? [path] : [];
  });
}

/** A folder of add-ons for one system, or several processors, named as prebuildify does: "linux-x64", "darwin-x64+arm64". */
interface Prebuilt {
  readonly name: string;
  readonly files: readonly string[];
}

function prebuildsIn(folder: string): Prebuilt[] {
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) return [];
  return readdirSync(folder)
    .filter((name) => /^[a-z0-9]+-[a-z0-9+]+$/.test(name))
    .toSorted()
    .map((name) => ({ name, files: readdirSync(`${folder}/${name}`) }));
}

function isPrebuiltFor({ name, files }: Prebuilt, { os, cpu, libc }: TargetSystem): boolean {
  const [system, cpus = ""] = name.split("-");
  if (system !== os || !cpus.split("+").includes(cpu)) return false;
  const other = libc === "musl" ? "glibc" : "musl";
  return libc === undefined || files.some((file) => !file.split(".").includes(other));
}
