import type { Tree } from "@lading/oci";
import { type Catalog, type Catalogued, Unreadable } from "./catalog.ts";
import { lockedFolder, type NpmIntegrity, readNpmIntegrity } from "./npm-integrity.ts";
import { type NpmManifest, readNpmManifest } from "./npm-manifest.ts";
import type { Carried, PackageDraft } from "./package.ts";
import { purlOf } from "./purl.ts";

type NpmFact =
  | { readonly kind: "manifest"; readonly manifest: NpmManifest }
  | { readonly kind: "lockfile"; readonly integrity: NpmIntegrity };

/** Packages of npm: what their package.json files say, and what lockfiles beside them know. */
export const npmPackages: Catalog<NpmFact> = {
  wants: (path) => isManifest(path) || lockedFolder(path) !== undefined,
  limit: (path) => (isManifest(path) ? 1 : 32) * 1024 * 1024,
  read: (bytes, path) => {
    if (isManifest(path)) {
      const manifest = readManifest(bytes, path);
      return manifest && { kind: "manifest", manifest };
    }
    const integrity = readNpmIntegrity(bytes, path);
    return integrity && { kind: "lockfile", integrity };
  },
  packages: (files, { tree }) => {
    const found = collect(files);
    link(found, tree);
    markBundled(found);
    return Array.from(found.values(), ({ draft }) => draft);
  },
};

interface Found {
  readonly manifest: NpmManifest;
  readonly draft: PackageDraft;
}
/** By folder. */
type Packages = Map<string, Found>;

function isManifest(path: string): boolean {
  return path.endsWith("/package.json") || path === "package.json";
}

function readManifest(bytes: Uint8Array, path: string): NpmManifest | undefined {
  try {
    return readNpmManifest(bytes);
  } catch (error) {
    // Packages about package.json bring odd ones to test with.
    if (error instanceof Unreadable && !isInstalled(folderOf(path))) return undefined;
    throw error;
  }
}

function collect(files: readonly Catalogued<NpmFact>[]): Packages {
  const lockfiles = files.flatMap(({ path, fact }) =>
    fact.kind === "lockfile" ? [{ folder: lockedFolder(path) ?? "", integrity: fact.integrity }] : [],
  );
  // What lies nearest knows best; of two in one folder, what was written with the packages does.
  lockfiles.sort((a, b) => b.folder.length - a.folder.length);
  const found: Packages = new Map();
  // Packages come before those that are in them.
  for (const { path, fact, layer } of files.toSorted((a, b) => a.path.length - b.path.length)) {
    if (fact.kind !== "manifest") continue;
    const { name, version, licence } = fact.manifest;
    const folder = folderOf(path);
    const carried = carriedBy(found, folder, name);
    // Files that only say how modules are to be read repeat the name, at times.
    if (carried === "repeated") continue;
    const published =
      carried === undefined
        ? firstOf(lockfiles, ({ folder: root, integrity }) =>
            isBelow(folder, root) ? integrity.published(relative(folder, root), name, version) : undefined,
          )
        : undefined;
    const slash = name.indexOf("/");
    const purl = purlOf("npm", {
      namespace: slash === -1 ? undefined : name.slice(0, slash),
      name: name.slice(slash + 1),
      version,
    });
    const { sha512, source } = published ?? {};
    const draft = { type: "npm", name, version, purl, path: folder, layer, licence, sha512, source } as const;
    found.set(folder, { manifest: fact.manifest, draft: { ...draft, carried, dependencies: [] } });
  }
  return found;
}

/** Whether a folder is where package managers put a package. */
function isInstalled(folder: string): boolean {
  return /(?:^|\/)node_modules\/(?:@[^/]+\/)?[^/@][^/]*$/.test(folder);
}

/** Undefined for a package that was installed. */
function carriedBy(found: Packages, folder: string, name: string): Carried | "repeated" | undefined {
  if (isInstalled(folder)) return undefined;
  const installed = /(?:^|\/)node_modules\//.test(folder);
  for (let at = parentOf(folder); at !== undefined && !/(?:^|\/)node_modules$/.test(at); at = parentOf(at))
    if (found.get(at)?.manifest.name === name) return "repeated";
  return installed ? "vendored" : "application";
}

/** Finds what each package imports, as Node would. */
function link(found: Packages, tree: Tree): void {
  for (const { manifest, draft } of found.values())
    for (const name of manifest.dependencies) {
      const target = imported(found, tree, draft.path, name);
      if (target !== undefined && target !== draft && !draft.dependencies.includes(target))
        draft.dependencies.push(target);
    }
}

function imported(found: Packages, tree: Tree, folder: string, name: string): PackageDraft | undefined {
  for (let at: string | undefined = folder; at !== undefined; at = parentOf(at)) {
    if (at === "node_modules" || at.endsWith("/node_modules")) continue;
    const path = `${at === "" ? "" : `${at}/`}node_modules/${name}`;
    // Of pnpm, and of workspaces, it is a link to where the package is.
    const there = found.get(path) ?? found.get(tree.resolve(path)?.path ?? "");
    if (there !== undefined) return there.draft;
  }
  return undefined;
}

/** A package that brings others in its archive says which, and these bring theirs along. */
function markBundled(found: Packages): void {
  for (const { manifest, draft } of found.values()) {
    const own = `${draft.path}/node_modules/`;
    const names = new Set(manifest.bundled);
    const waiting = draft.dependencies.filter(({ name, path }) => names.has(name) && path.startsWith(own));
    for (let one = waiting.pop(); one !== undefined; one = waiting.pop()) {
      const entry = found.get(one.path);
      if (entry === undefined || entry.draft.carried === "bundled") continue;
      entry.draft.carried = "bundled";
      waiting.push(...one.dependencies.filter(({ path }) => path.startsWith(own)));
    }
  }
}

function folderOf(path: string): string {
  return path.slice(0, Math.max(path.lastIndexOf("/"), 0));
}

function parentOf(folder: string): string | undefined {
  if (folder === "") return undefined;
  return folderOf(folder);
}

function isBelow(folder: string, root: string): boolean {
  return root === "" || folder.startsWith(`${root}/`);
}

function relative(folder: string, root: string): string {
  return root === "" ? folder : folder.slice(root.length + 1);
}

function firstOf<A, B>(all: readonly A[], find: (one: A) => B | undefined): B | undefined {
  for (const one of all) {
    const found = find(one);
    if (found !== undefined) return found;
  }
  return undefined;
}
