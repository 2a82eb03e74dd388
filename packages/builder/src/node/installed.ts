import { lstatSync, readlinkSync } from "node:fs";
import { posix } from "node:path";
import { BuildError } from "../errors.ts";
import type { LockedDependency, LockedPackage, Lockfile } from "./lockfile.ts";
import { namesOfPackages } from "./package-names.ts";
import { runsOn, type TargetSystem } from "./target-system.ts";

/** What of the folders a program needs to run. Paths are below the root. */
export interface Installed {
  /** Packages of others. */
  readonly packages: readonly InstalledPackage[];
  /** Folders of the workspace's own packages, without the program's. */
  readonly workspaces: readonly string[];
  /** Symlinks through which packages are found. */
  readonly links: readonly string[];
}

export interface InstalledPackage {
  readonly locked: LockedPackage;
  readonly folder: string;
  /** The systems it is for; undefined when it is for all. */
  readonly systems: readonly TargetSystem[] | undefined;
}

/**
 * Finds the packages that `program` needs, from one to the next: the lockfile says what each needs, and Node's
 * way of looking for a package where that is. Links that pnpm made for packages that import what they do not depend on
 * are kept. Throws BuildError SOURCE_MISSING for what should be there and is not.
 */
export function findInstalled(
  root: string,
  lockfile: Lockfile,
  program: LockedPackage,
  systems: readonly TargetSystem[],
): Installed {
  const disk = new Folders(root);
  const packages = new Map<string, InstalledPackage>();
  const workspaces = new Set<string>([program.folder ?? ""]);
  const links = new Set<string>();
  const waiting: Visit[] = [{ locked: program, folder: program.folder ?? "" }];
  const missing: Missing[] = [];

  for (let visit = waiting.pop(); visit !== undefined; visit = waiting.pop()) {
    for (const dependency of visit.locked.dependencies()) {
      const { package: locked, optional } = dependency;
      if (locked === undefined) {
        if (!optional) missing.push({ dependency, by: visit.locked });
        continue;
      }
      const fitting = locked.conditions && systems.filter((system) => runsOn(locked.conditions, system));
      if (fitting?.length === 0) continue;
      const found = locate(disk, visit.folder, dependency, locked);
      if (found === undefined) {
        if (!optional || fitting !== undefined) missing.push({ dependency, by: visit.locked, systems: fitting });
        continue;
      }
      for (const link of found.links) links.add(link);
      // A folder that is linked to and no workspace's is as much the project's own.
      if (locked.workspace || !isInstalled(found.folder)) {
        if (workspaces.has(found.folder)) continue;
        workspaces.add(found.folder);
      } else {
        if (packages.has(found.folder)) continue;
        // Apart even when it is for all that is built, so that the rest is one layer whatever is built.
        const all =
          fitting === undefined ||
          (fitting.length === systems.length &&
            locked.conditions?.cpu === undefined &&
            locked.conditions?.libc === undefined);
        packages.set(found.folder, { locked, folder: found.folder, systems: all ? undefined : fitting });
      }
      waiting.push({ locked, folder: found.folder });
    }
  }

  if (missing.length > 0) throw notInstalled(missing, lockfile);
  if (lockfile.manager === "pnpm")
    for (const folder of ["node_modules", "node_modules/.pnpm/node_modules"])
      for (const name of namesOfPackages(`${root}/${folder}`)) {
        const hoisted = disk.follow(`${folder}/${name}`);
        if (hoisted !== undefined && packages.has(hoisted.folder)) for (const link of hoisted.links) links.add(link);
      }
  workspaces.delete(program.folder ?? "");
  return { packages: [...packages.values()], workspaces: [...workspaces], links: [...links] };
}

interface Visit {
  readonly locked: LockedPackage;
  readonly folder: string;
}

interface Missing {
  readonly dependency: LockedDependency;
  readonly by: LockedPackage;
  /** The systems of a package that is only for some. */
  readonly systems?: readonly TargetSystem[] | undefined;
}

interface Found {
  readonly folder: string;
  readonly links: readonly string[];
}

function locate(
  disk: Folders,
  from: string,
  { name, path }: LockedDependency,
  locked: LockedPackage,
): Found | undefined {
  // npm says where it would be, which is elsewhere with install-strategy=linked.
  const said = path === undefined ? undefined : disk.follow(path);
  if (said !== undefined) return said;
  for (let at = from; ; at = parentOf(at)) {
    // A scope is no package.
    if (!/(?:^|\/)(?:node_modules|@[^/]+)$/.test(at)) {
      const found = disk.follow(at === "" ? `node_modules/${name}` : `${at}/node_modules/${name}`);
      if (found !== undefined) return found;
    }
    if (at === "") return locked.workspace && locked.folder !== undefined ? disk.follow(locked.folder) : undefined;
  }
}

/** Folders below the root, and what is a link in them. Each is looked at once. */
class Folders {
  readonly #root: string;
  readonly #known = new Map<string, Found | undefined>();

  constructor(root: string) {
    this.#root = root;
  }

  /** Where a path leads, and the links on the way; undefined when there is nothing. */
  follow(path: string): Found | undefined {
    if (this.#known.has(path)) return this.#known.get(path);
    const found = this.#look(path);
    this.#known.set(path, found);
    return found;
  }

  #look(path: string): Found | undefined {
    const disk = `${this.#root}/${path}`;
    const stat = lstatSync(disk, { throwIfNoEntry: false });
    if (stat?.isDirectory() === true) return { folder: path, links: [] };
    if (stat?.isSymbolicLink() !== true) return undefined;
    const said = readlinkSync(disk);
    const target = posix.isAbsolute(said)
      ? posix.relative(this.#root, said)
      : posix.normalize(posix.join(posix.dirname(path), said));
    if (target === ".." || target.startsWith("../") || posix.isAbsolute(said))
      throw new BuildError("SOURCE_OUTSIDE", `Cannot ship "${path}": it is a link to "${said}"`, {
        hint: said.includes("/links/")
          ? "Write `enableGlobalVirtualStore: false` into pnpm-workspace.yaml, remove node_modules, and run `pnpm install`"
          : "Packages must be below the folder that has the lockfile, and links to them relative",
      });
    const found = this.follow(target.replace(/\/$/, ""));
    return found && { folder: found.folder, links: [path, ...found.links] };
  }
}

function isInstalled(folder: string): boolean {
  return folder.startsWith("node_modules/") || folder.includes("/node_modules/");
}

function parentOf(folder: string): string {
  return folder.slice(0, Math.max(0, folder.lastIndexOf("/")));
}

function notInstalled(missing: readonly Missing[], { manager, name: lockfile }: Lockfile): BuildError {
  const forSystems = missing.find(({ systems }) => systems !== undefined);
  if (forSystems !== undefined) return lacksSystem(forSystems, manager);
  const shown = missing.slice(0, 5).map(({ dependency: { name, package: locked }, by }) => {
    const version = locked === undefined ? "" : ` ${locked.version}`;
    return `${name}${version} (for ${by.name})`;
  });
  const more = missing.length > 5 ? ` and ${missing.length - 5} more` : "";
  const unknown = missing.every(({ dependency }) => dependency.package === undefined);
  return new BuildError(
    "SOURCE_MISSING",
    unknown
      ? `Cannot find in ${lockfile}: ${shown.join(", ")}${more}`
      : `Cannot find in node_modules what ${lockfile} names: ${shown.join(", ")}${more}`,
    { hint: `Run \`${unknown ? refresh[manager] : install[manager]}\`` },
  );
}

export const install: Readonly<Record<Lockfile["manager"], string>> = {
  npm: "npm ci",
  pnpm: "pnpm install --frozen-lockfile",
  yarn: "yarn install",
};

const refresh: Readonly<Record<Lockfile["manager"], string>> = {
  npm: "npm install",
  pnpm: "pnpm install",
  yarn: "yarn install",
};

function lacksSystem({ dependency, by, systems }: Missing, manager: Lockfile["manager"]): BuildError {
  const { package: locked, name } = dependency;
  const [system] = systems ?? [];
  const version = locked?.version ?? "";
  const { platform = "", os = "", cpu = "", libc = "glibc" } = system ?? {};
  const pnpm = `supportedArchitectures: { os: [current, ${os}], cpu: [current, ${cpu}], libc: [current, ${libc}] }`;
  const hints: Readonly<Record<Lockfile["manager"], string>> = {
    npm: `Install it beside: \`npm install --no-save --force --os=${os} --cpu=${cpu} --libc=${libc} ${name}@${version}\``,
    pnpm: `Write \`${pnpm}\` into pnpm-workspace.yaml, and run \`pnpm install\``,
    yarn: `Write \`${pnpm}\` into .yarnrc.yml (Yarn 2 and later), and run \`yarn install\``,
  };
  return new BuildError(
    "SOURCE_MISSING",
    `Cannot build for ${platform}: node_modules lacks ${name} ${version}, which ${by.name} needs there`,
    { hint: hints[manager] },
  );
}
