import { globSync } from "node:fs";
import { posix } from "node:path";
import { BuildError } from "../errors.ts";
import type { Conditions, LockedDependency, LockedPackage, Lockfile, PackageManifest } from "./lockfile.ts";
import { differences, outOfDate } from "./lockfile-mismatch.ts";
import { type Fields, isFields } from "../fields.ts";
import { fieldsOf, readManifest, text, textsOf } from "./package-manifest.ts";
import { parsePlainYaml } from "./plain-yaml.ts";
import { parseYarnClassic } from "./yarn-classic.ts";
import { conditionsByName } from "./target-system.ts";

/**
 * Reads yarn.lock, of Yarn 1 or of Yarn 2 and later. It lists what ranges were resolved to; what a package of the
 * workspace needs to run is only in its package.json below `root`. Throws BuildError SPEC.
 */
export function parseYarnLockfile(content: string, name: string, root: string): Lockfile {
  let document: Fields;
  try {
    document = isClassic(content) ? parseYarnClassic(content) : parsePlainYaml(content);
  } catch (cause) {
    throw new BuildError("SPEC", `Cannot read ${name}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
  const graph = new YarnGraph(document, root);
  return {
    manager: "yarn",
    name,
    workspaces: graph.workspaces,
    importer: (folder, manifest) => {
      const found = graph.mismatches(folder, manifest);
      if (found.length > 0) throw outOfDate(name, folder, found, "yarn install");
      return graph.workspace(folder, manifest);
    },
  };
}

function isClassic(content: string): boolean {
  return content.slice(0, 200).includes("# yarn lockfile v1");
}

interface Workspace {
  readonly folder: string;
  readonly manifest: PackageManifest;
}

class YarnGraph {
  /** By what was asked for: "name@range", of Yarn 2 "name@npm:range". */
  readonly #entries = new Map<string, Fields>();
  /** By name alone, for ranges that `resolutions` put another in the place of. */
  readonly #byName = new Map<string, Set<Fields>>();
  /** By what was asked for, of those that also say by whom: "name@file:lib::locator=app%40workspace%3A.". */
  readonly #bound = new Map<string, Fields>();
  readonly #classic: boolean;
  readonly #root: string;
  readonly #known = new Map<unknown, LockedPackage>();
  #workspaces: ReadonlyMap<string, Workspace> | undefined;
  #replacing: readonly Resolution[] | undefined;

  constructor(document: Fields, root: string) {
    this.#root = root;
    this.#classic = document["__metadata"] === undefined;
    for (const [keys, value] of Object.entries(document)) {
      if (keys === "__metadata" || !isFields(value)) continue;
      for (const key of keys.split(", ")) {
        this.#entries.set(key, value);
        if (key.includes("::")) this.#bound.set(key.slice(0, key.indexOf("::")), value);
        const name = nameIn(key);
        const same = this.#byName.get(name);
        if (same === undefined) this.#byName.set(name, new Set([value]));
        else same.add(value);
      }
    }
  }

  get workspaces(): string[] {
    return Array.from(this.#byPackageName().values(), ({ folder }) => folder);
  }

  workspace(folder: string, manifest: PackageManifest): LockedPackage {
    return this.#remembered(folder, () => ({
      name: manifest.name ?? (folder === "" ? "the root" : folder),
      version: manifest.version ?? "0.0.0",
      folder,
      workspace: true,
      dependencies: () => [
        ...this.#dependencies(manifest.name, manifest.dependencies, (name) => name in manifest.optionalDependencies),
        ...this.#dependencies(manifest.name, manifest.optionalDependencies, () => true),
      ],
    }));
  }

  /** How the package.json differs from the one that the lockfile was made for. */
  mismatches(folder: string, manifest: PackageManifest): string[] {
    const replaced = new Set(this.#resolutions().map(({ name }) => name));
    if (this.#classic) {
      const wanted = { ...manifest.devDependencies, ...manifest.dependencies, ...manifest.optionalDependencies };
      return Object.entries(wanted).flatMap(([name, range]) =>
        this.#entries.has(`${name}@${range}`) || this.#byPackageName().has(name) || replaced.has(name)
          ? []
          : [`${name} ${range} is not in it`],
      );
    }
    const own = [...this.#entries].find(([key]) => key.endsWith(`@workspace:${folder === "" ? "." : folder}`))?.[1];
    if (own === undefined) return ["it has no entry for this package"];
    return differences(
      manifest,
      textsOf(own["dependencies"]),
      (wanted, locked, name) => locked === wanted || locked === `npm:${wanted}` || replaced.has(name),
    );
  }

  #dependencies(
    by: string | undefined,
    ranges: Readonly<Record<string, string>>,
    isOptional: (name: string) => boolean,
  ): LockedDependency[] {
    return Object.entries(ranges).map(([name, range]) => ({
      name,
      package: this.#resolve(name, this.#resolutionOf(by, name, range) ?? range),
      optional: isOptional(name),
    }));
  }

  /** What the root's package.json has in the place of a range. Yarn 1 has written the range down beside what it became. */
  #resolutionOf(by: string | undefined, name: string, range: string): string | undefined {
    if (this.#classic && this.#entries.has(`${name}@${range}`)) return undefined;
    return this.#resolutions().find(
      (one) =>
        one.name === name &&
        (one.parent === undefined || one.parent === by) &&
        (one.range === undefined || withProtocol(one.range) === withProtocol(range)),
    )?.value;
  }

  #resolve(name: string, range: string): LockedPackage | undefined {
    const exact =
      this.#entries.get(`${name}@${range}`) ??
      this.#entries.get(`${name}@npm:${range}`) ??
      this.#bound.get(`${name}@${range}`);
    const workspace = this.#byPackageName().get(name);
    if (workspace !== undefined && (exact === undefined || text(exact["resolution"])?.includes("@workspace:") === true))
      return this.workspace(workspace.folder, workspace.manifest);
    const [only, ...others] = this.#byName.get(name) ?? [];
    const entry = exact ?? (others.length === 0 ? only : undefined);
    return entry && this.#package(name, entry);
  }

  #package(name: string, entry: Fields): LockedPackage {
    const optional = textsOf(entry["optionalDependencies"]);
    const meta = fieldsOf(entry["dependenciesMeta"]);
    return this.#remembered(entry, () => ({
      name,
      version: text(entry["version"]) ?? "",
      workspace: false,
      conditions: this.#classic ? conditionsByName(name) : parseConditions(text(entry["conditions"])),
      dependencies: () => [
        ...this.#dependencies(
          name,
          textsOf(entry["dependencies"]),
          (dependency) => fieldsOf(meta[dependency])["optional"] === "true",
        ),
        ...this.#dependencies(name, optional, () => true),
      ],
    }));
  }

  #remembered(key: unknown, make: () => LockedPackage): LockedPackage {
    const found = this.#known.get(key) ?? make();
    this.#known.set(key, found);
    return found;
  }

  #resolutions(): readonly Resolution[] {
    return (this.#replacing ??= parseResolutions(
      readManifest(posix.join(this.#root, "package.json"))?.resolutions ?? {},
    ));
  }

  #byPackageName(): ReadonlyMap<string, Workspace> {
    return (this.#workspaces ??= findWorkspaces(this.#root));
  }
}

/** The packages that `workspaces` of the root's package.json names, by their names. */
function findWorkspaces(root: string): ReadonlyMap<string, Workspace> {
  const patterns = readManifest(posix.join(root, "package.json"))?.workspaces ?? [];
  const found = new Map<string, Workspace>();
  const paths = globSync(
    patterns.map((pattern) => posix.join(pattern, "package.json")),
    { cwd: root, exclude: (path) => path.endsWith("node_modules") },
  );
  for (const path of paths.toSorted()) {
    const manifest = readManifest(posix.join(root, path));
    if (manifest?.name !== undefined) found.set(manifest.name, { folder: posix.dirname(path), manifest });
  }
  return found;
}

/** One of the `resolutions` of the root's package.json. */
interface Resolution {
  /** Who must ask; undefined for anybody. */
  readonly parent: string | undefined;
  readonly name: string;
  /** What must be asked for; undefined for anything. */
  readonly range: string | undefined;
  readonly value: string;
}

/** Reads "name", "name@range", "parent/name", "parent@range/name" and what Yarn 1 has of them: "**\/name", "a/**\/name". */
function parseResolutions(resolutions: Readonly<Record<string, string>>): Resolution[] {
  return Object.entries(resolutions).flatMap(([key, value]) => {
    const match =
      /^(?:\*\*\/)?(?:(?<parent>(?:@[^/]+\/)?[^/@]+)(?:@[^/]+)?\/(?:\*\*\/)?)?(?<name>(?:@[^/]+\/)?[^/@]+)(?:@(?<range>.+))?$/.exec(
        key,
      );
    const { parent, name, range } = match?.groups ?? {};
    return name === undefined ? [] : [{ parent, name, range, value }];
  });
}

/** A range as Yarn 2 and later write it. */
function withProtocol(range: string): string {
  return /^[a-z+]+:/.test(range) ? range : `npm:${range}`;
}

/** "@scope/name" of "@scope/name@npm:^1.0.0". */
function nameIn(key: string): string {
  const at = key.indexOf("@", 1);
  return at === -1 ? key : key.slice(0, at);
}

/** Reads "os=linux & cpu=x64 & libc=glibc", and "(os=linux | os=darwin)". */
function parseConditions(conditions: string | undefined): Conditions | undefined {
  if (conditions === undefined) return undefined;
  const values = (key: string): string[] | undefined => {
    const found = Array.from(conditions.matchAll(new RegExp(`\\b${key}=([^\\s)]+)`, "g")), ([, value = ""]) => value);
    return found.length === 0 ? undefined : found;
  };
  return { os: values("os"), cpu: values("cpu"), libc: values("libc") };
}
