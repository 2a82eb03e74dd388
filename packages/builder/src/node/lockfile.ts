/*
 * What a lockfile says, whoever wrote it: a graph of packages. It says which packages belong to a program;
 * where they are, and that they are, is a matter of the folder (installed.ts).
 */

/** A package of the graph. */
export interface LockedPackage {
  readonly name: string;
  readonly version: string;
  /** Below the root, when the lockfile knows it: of workspace packages always, of others npm alone says it. */
  readonly folder?: string | undefined;
  /** Whether its sources are a folder of the workspace. */
  readonly workspace: boolean;
  /** What it runs on; undefined when nobody said, or everywhere. */
  readonly conditions?: Conditions | undefined;
  /** Whether scripts run when it is installed, which may compile something; undefined when the lockfile does not say. */
  readonly scripts?: boolean | undefined;
  /** Production ones: what is only needed to develop is not here. */
  dependencies(): readonly LockedDependency[];
}

export interface LockedDependency {
  /** What it is imported as. */
  readonly name: string;
  /** Undefined when the lockfile has nothing for it. */
  readonly package: LockedPackage | undefined;
  /** Whether the program is said to do without it. */
  readonly optional: boolean;
  /** Where npm has put it, below the root: the folder, or the link to a workspace package. */
  readonly path?: string | undefined;
}

/** As package.json has them: "linux", "!win32", "any". */
export interface Conditions {
  readonly os?: readonly string[] | undefined;
  readonly cpu?: readonly string[] | undefined;
  readonly libc?: readonly string[] | undefined;
}

export interface Lockfile {
  /** "npm", "pnpm" or "yarn". */
  readonly manager: Manager;
  /** Its name: "package-lock.json". */
  readonly name: string;
  /** Folders of the workspace's packages, the root aside. */
  readonly workspaces: readonly string[];
  /**
   * The package in a folder below the root, "" for the root itself. Throws BuildError SPEC when the lockfile does
   * not know it, or its package.json asks for something else than the lockfile was made for.
   */
  importer(folder: string, manifest: PackageManifest): LockedPackage;
}

type Manager = "npm" | "pnpm" | "yarn";

/** The part of package.json that matters here, read with care: values of other types are as if not there. */
export interface PackageManifest {
  readonly name?: string | undefined;
  readonly version?: string | undefined;
  readonly main?: string | undefined;
  readonly bin?: string | Readonly<Record<string, string>> | undefined;
  readonly exports?: unknown;
  readonly files?: readonly string[] | undefined;
  readonly scripts: Readonly<Record<string, string>>;
  readonly engines: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
  readonly optionalDependencies: Readonly<Record<string, string>>;
  /** Patterns of folders with the packages of its workspace; undefined when it has none. */
  readonly workspaces?: readonly string[] | undefined;
  readonly resolutions: Readonly<Record<string, string>>;
  readonly lading: Readonly<Record<string, unknown>>;
}
