import { readdirSync, readFileSync } from "node:fs";
import clean from "semver/functions/clean.js";
import { BuildError } from "../errors.ts";
import { install, type InstalledPackage } from "./installed.ts";
import type { Lockfile } from "./lockfile.ts";
import { isFields } from "../fields.ts";
import { parseJson, text } from "./package-manifest.ts";
import type { StatMemory } from "./stat-memory.ts";

/**
 * Refuses packages that are installed in another version than the lockfile's, and finds those that may hold
 * compiled add-ons. Throws BuildError SOURCE_MISSING.
 */
export function checkVersions(
  root: string,
  packages: readonly InstalledPackage[],
  lockfile: Lockfile,
  memory: StatMemory,
): readonly InstalledPackage[] {
  const other: string[] = [];
  const native = packages.filter(({ folder, locked }) => {
    const facts = memory.of(`${root}/${folder}/package.json`, isFacts, readFacts);
    // What comes from elsewhere than a registry need not have one.
    if (
      facts !== undefined &&
      /^\d/.test(locked.version) &&
      facts.version !== "" &&
      !isSame(facts.version, locked.version)
    )
      other.push(`${locked.name} is ${facts.version} in ${folder} and ${locked.version} in it`);
    return facts === undefined || facts.native;
  });
  if (other.length === 0) return native;
  const shown = other.slice(0, 5).join("; ");
  const more = other.length > 5 ? `; and ${other.length - 5} more` : "";
  throw new BuildError("SOURCE_MISSING", `Cannot build by ${lockfile.name}: other is installed: ${shown}${more}`, {
    hint: `Run \`${install[lockfile.manager]}\`${lockfile.manager === "npm" ? "" : "; if that changes nothing, remove node_modules before"}`,
  });
}

/** Registries and lockfiles have `v1.0.0+build.5` of a package.json as 1.0.0. */
function isSame(one: string, other: string): boolean {
  return one === other || (clean(one, true) ?? one) === (clean(other, true) ?? other);
}

interface PackageFacts {
  /** "" when its package.json has none. */
  readonly version: string;
  /** Whether there is anything of an add-on in it. */
  readonly native: boolean;
}

function isFacts(value: unknown): value is PackageFacts {
  return isFields(value) && typeof value["version"] === "string" && typeof value["native"] === "boolean";
}

function readFacts(path: string): PackageFacts {
  const { version } = parseJson(readFileSync(path, "utf8"), path);
  const names = readdirSync(path.slice(0, path.lastIndexOf("/")));
  return { version: text(version) ?? "", native: names.some((name) => signs.has(name)) };
}

const signs: ReadonlySet<string> = new Set(["binding.gyp", "build", "prebuilds"]);
