import { existsSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { BuildError } from "../errors.ts";
import type { Lockfile, PackageManifest } from "./lockfile.ts";
import { parseNpmLockfile } from "./npm-lockfile.ts";
import { readManifest } from "./package-manifest.ts";
import { parsePnpmLockfile } from "./pnpm-lockfile.ts";
import { parseYarnLockfile } from "./yarn-lockfile.ts";

/** A Node package, and the workspace that it is in. */
export interface NodeProject {
  /** Absolute path of the folder with the lockfile; the package's own when there is none. */
  readonly root: string;
  /** The package's folder below the root, "" when it is the root. */
  readonly folder: string;
  readonly manifest: PackageManifest;
  readonly rootManifest: PackageManifest;
  readonly lockfile: Lockfile | undefined;
}

const readers = [
  ["npm-shrinkwrap.json", parseNpmLockfile],
  ["package-lock.json", parseNpmLockfile],
  ["pnpm-lock.yaml", parsePnpmLockfile],
  ["yarn.lock", parseYarnLockfile],
] as const;

/** Finds the package in a folder, and its lockfile there or above. Throws BuildError. */
export function findProject(folder: string): NodeProject {
  const manifest = readManifest(join(folder, "package.json"));
  if (manifest === undefined) throw new BuildError("SOURCE_MISSING", `Cannot find package.json in "${folder}"`);
  const root = rootOf(folder);
  if (root === undefined) {
    refuseWithoutLockfile(manifest, folder);
    return { root: folder, folder: "", manifest, rootManifest: manifest, lockfile: undefined };
  }
  const rootManifest = root === folder ? manifest : (readManifest(join(root, "package.json")) ?? manifest);
  return { root, folder: relative(root, folder), manifest, rootManifest, lockfile: readLockfile(root, folder) };
}

/** The nearest folder with a lockfile, from here upwards; one above is only this package's when it has a workspace. */
function rootOf(folder: string): string | undefined {
  for (let at = folder; ; at = dirname(at)) {
    if (readers.some(([name]) => existsSync(join(at, name)))) return at === folder || hasWorkspace(at) ? at : undefined;
    if (dirname(at) === at) return undefined;
  }
}

function hasWorkspace(folder: string): boolean {
  return (
    existsSync(join(folder, "pnpm-workspace.yaml")) ||
    readManifest(join(folder, "package.json"))?.workspaces !== undefined
  );
}

function readLockfile(root: string, folder: string): Lockfile {
  const found = readers.filter(([name]) => existsSync(join(root, name)));
  const [first, second] = found;
  if (first === undefined) throw new Error(`No lockfile in ${root}`);
  // npm itself takes npm-shrinkwrap.json when it has both of its own.
  if (second !== undefined && second[1] !== first[1])
    throw new BuildError("SPEC", `Cannot tell who installed "${root}": there are ${first[0]} and ${second[0]}`, {
      hint: "Remove the lockfile that is not used",
    });
  const [name, parse] = first;
  if (existsSync(join(root, ".pnp.cjs")) && !existsSync(join(root, "node_modules")))
    throw new BuildError("SPEC", `Cannot build "${folder}": Yarn's Plug'n'Play keeps its packages in archives`, {
      hint: "Write `nodeLinker: node-modules` into .yarnrc.yml, and run `yarn install`",
    });
  return parse(readFileSync(join(root, name), "utf8"), name, root);
}

function refuseWithoutLockfile({ dependencies, optionalDependencies }: PackageManifest, folder: string): void {
  const names = Object.keys({ ...dependencies, ...optionalDependencies });
  if (names.length === 0) return;
  const bun = ["bun.lock", "bun.lockb"].find((name) => existsSync(join(folder, name)));
  if (bun !== undefined)
    throw new BuildError("SPEC", `Cannot build "${folder}" by ${bun}: only lockfiles of npm, pnpm and Yarn are known`, {
      hint: "Run `bun install --yarn`, which writes a yarn.lock beside it",
    });
  throw new BuildError(
    "SPEC",
    `Cannot find a lockfile for "${folder}", and package.json depends on ${names.slice(0, 3).join(", ")}${names.length > 3 ? ", …" : ""}`,
    {
      hint: "Run `npm install`, `pnpm install` or `yarn install`: package-lock.json, pnpm-lock.yaml and yarn.lock are known",
    },
  );
}
