import { realpathSync, statSync, type Stats } from "node:fs";
import { basename, posix, relative, resolve } from "node:path";
import { BuildError } from "../errors.ts";
import { literalSource } from "../list/glob.ts";
import type { AddSpec, LayerSpec } from "../spec.ts";
import type { JavaArchive } from "./open-java-archive.ts";

/** What a jar's Class-Path names: a library, or a folder with what a library would hold. */
export interface Dependency {
  /** Relative to the context, with "/". */
  readonly path: string;
  /** As it is named, without what an URL escapes. */
  readonly named: string;
  readonly isFolder: boolean;
}

export interface ClassPath {
  /** In the order in which Java looks there. */
  readonly dependencies: readonly Dependency[];
  readonly warnings: readonly string[];
}

/** What the jar needs besides itself. Throws BuildError when it is not there. */
export function classPathOf(archive: JavaArchive): ClassPath {
  const entries = archive.manifest.get("Class-Path")?.split(/\s+/) ?? [];
  // Java goes on at the first of entries that mean the same file; the archive itself it has already.
  const found = new Map<string, Dependency>();
  for (const one of entries.map((entry) => dependency(entry, archive)))
    if (!isSameFile(one, archive) && !found.has(one.path)) found.set(one.path, one);
  const dependencies = [...found.values()];
  // A program that looks beside its jar means files of configuration, and not what the build left there.
  const around = dependencies.filter(({ path }) => `${archive.path}/`.startsWith(path === "" ? "" : `${path}/`));
  return {
    dependencies: dependencies.filter((one) => !around.includes(one)),
    warnings: around.map(
      ({ named }) =>
        `"${named}" in the Class-Path of "${archive.name}" is a folder that it is in, and not shipped: add files of it with --add`,
    ),
  };
}

/** Also by another name, as where a symlink without a version leads to the jar. */
function isSameFile({ path }: Dependency, archive: JavaArchive): boolean {
  return realpathSync(resolve(archive.context, path)) === realpathSync(resolve(archive.context, archive.path));
}

function dependency(entry: string, { name, folder, context }: JavaArchive): Dependency {
  const named = unescapeUrl(entry);
  const absolute = resolve(folder, named);
  const path = relative(context, absolute);
  const fail = (code: "SPEC" | "SOURCE_OUTSIDE" | "SOURCE_MISSING", why: string, hint: string): BuildError =>
    new BuildError(code, `Cannot build "${name}": its manifest's Class-Path names "${entry}", ${why}`, { hint });
  if (path === ".." || path.startsWith("../"))
    throw fail(
      "SOURCE_OUTSIDE",
      `which is outside the context ${context}`,
      `Build a folder above it: lading build FOLDER -f ${posix.join("FOLDER", "…", name)}`,
    );
  const stat: Stats | undefined = statSync(absolute, { throwIfNoEntry: false });
  if (stat === undefined)
    throw fail(
      "SOURCE_MISSING",
      `and there is no such file in ${folder}`,
      "Copy the libraries there, or build the jar without that entry",
    );
  return { path, named, isFolder: stat.isDirectory() };
}

function unescapeUrl(entry: string): string {
  try {
    return decodeURIComponent(entry);
  } catch {
    return entry;
  }
}

/**
 * Names for dependencies that come into one folder: their own, but for those that another has already, as `log4j.jar` of two
 * folders.
 */
export function distinctNames(dependencies: readonly Dependency[]): ReadonlyMap<Dependency, string> {
  const own = new Set(dependencies.map(({ path }) => posix.basename(path)));
  const names = new Map<Dependency, string>();
  const taken = new Set<string>();
  for (const dependency of dependencies) {
    const { name, ext, base } = posix.parse(dependency.path);
    let free = base;
    for (let count = 2; taken.has(free) || (free !== base && own.has(free)); count++) free = `${name}-${count}${ext}`;
    taken.add(free);
    names.set(dependency, free);
  }
  return names;
}

/** Layers of what a jar needs, what changes from build to build after the rest. `place` says where it is in the image. */
export function dependencyLayers(
  dependencies: readonly Dependency[],
  place: (dependency: Dependency) => string,
): LayerSpec[] {
  const isSnapshot = ({ path }: Dependency): boolean => basename(path).includes("SNAPSHOT");
  const layers = [
    { name: "dependencies", of: dependencies.filter((one) => !isSnapshot(one)) },
    { name: "snapshot dependencies", of: dependencies.filter(isSnapshot) },
  ];
  return layers.filter(({ of }) => of.length > 0).map(({ name, of }) => ({ name, add: additions(of, place) }));
}

/** Files that come into one folder under their names are added together. */
function additions(dependencies: readonly Dependency[], place: (dependency: Dependency) => string): AddSpec[] {
  const keepsName = (one: Dependency): boolean =>
    !one.isFolder && posix.basename(place(one)) === posix.basename(one.path);
  const together = Map.groupBy(dependencies.filter(keepsName), (one) =>
    `${posix.dirname(place(one))}/`.replace("//", "/"),
  );
  return [
    ...Array.from(together, ([dest, of]) => ({
      src: of.map(({ path }) => literalSource(path)),
      dest,
      ignore: false as const,
    })),
    ...dependencies
      .filter((one) => !keepsName(one))
      .map((one) => ({ src: [literalSource(one.path)], dest: place(one), ignore: false as const })),
  ];
}
