import type { AddSpec, LayerSpec } from "../spec.ts";
import { isStore, namesOfPackages } from "./package-names.ts";
import type { Installed, InstalledPackage } from "./installed.ts";

/** Where the root of a project is in the image. */
const imageRoot = "/app";

export function imagePath(path: string): string {
  return path === "" ? imageRoot : `${imageRoot}/${path}`;
}

/**
 * The layers of what is in node_modules: packages that every platform has, those that are only for some, and the
 * links between all of them. Paths stay as they are below the root, and so links lead where they led.
 */
export function dependencyLayers(
  root: string,
  { packages, links }: Installed,
): {
  readonly common: LayerSpec;
  readonly platform: LayerSpec;
  readonly links: LayerSpec;
} {
  const common = packages.filter(({ systems }) => systems === undefined);
  const special = packages.filter(({ systems }) => systems !== undefined);
  // In a store, links to a package's dependencies lie beside it and go where it goes.
  const outer = links.filter((link) => !inStore(link) || link.includes(hoisted));
  return {
    common: { name: "dependencies", add: foldersOf(common).map((one) => addFolder(root, one, special)) },
    platform: { name: "platform dependencies", add: special.map(addSpecial) },
    links: { name: "links", add: linkAdds(outer) },
  };
}

const hoisted = "/.pnpm/node_modules/";

function inStore(path: string): boolean {
  return /(?:^|\/)node_modules\/\.(?:pnpm|store)\//.test(path);
}

/** A folder of installed packages, and which of what is directly in it are wanted. */
interface PackagesFolder {
  readonly folder: string;
  readonly wanted: ReadonlySet<string>;
}

/** node_modules folders, or stores of linked packages, with what is wanted of each; what is nested in a package comes with it. */
function foldersOf(packages: readonly InstalledPackage[]): PackagesFolder[] {
  const folders = new Map<string, Set<string>>();
  for (const { folder } of packages) {
    const [outer, unit] = split(folder);
    const wanted = folders.get(outer);
    if (wanted === undefined) folders.set(outer, new Set([unit]));
    else wanted.add(unit);
  }
  return Array.from(folders, ([folder, wanted]) => ({ folder, wanted })).toSorted((a, b) =>
    a.folder < b.folder ? -1 : 1,
  );
}

/** The outermost folder of packages that a package lies in, and the name directly in it under which it does. */
function split(folder: string): readonly [outer: string, unit: string] {
  const match = /^(?<outer>(?:.*?\/)??node_modules(?:\/\.(?:pnpm|store))?)\/(?<unit>(?:@[^/]+\/)?[^/]+)/.exec(folder);
  const { outer = "", unit = folder } = match?.groups ?? {};
  // Names in a store have no slash.
  return [outer, isStore(outer) ? unit.replace(/(?<=^[^/]*)\/.*/, "") : unit];
}

function addFolder(root: string, { folder, wanted }: PackagesFolder, special: readonly InstalledPackage[]): AddSpec {
  const there = namesOfPackages(`${root}/${folder}`);
  const unwanted = there.filter((unit) => !wanted.has(unit));
  const nested = special.flatMap((one) => {
    const inner = one.folder.startsWith(`${folder}/`) ? one.folder.slice(folder.length + 1) : undefined;
    return inner !== undefined && wanted.has(split(one.folder)[1]) ? [inner] : [];
  });
  const common = { src: [folder], dest: imagePath(folder), ignore: false as const };
  if (unwanted.length > wanted.size)
    return {
      ...common,
      include: [...wanted].toSorted().map(literal),
      ...(nested.length === 0 ? {} : { exclude: nested.map(literal) }),
    };
  return {
    ...common,
    exclude: [".*", ...wholeScopes(unwanted, there), ...nested].map((name, at) => (at === 0 ? name : literal(name))),
  };
}

/** A scope of which nothing is wanted is named once. */
function wholeScopes(unwanted: readonly string[], there: readonly string[]): string[] {
  const counts = Map.groupBy(there, scopeOf);
  const out = Map.groupBy(unwanted, scopeOf);
  return [...out].flatMap(([name, members]) =>
    name !== "" && counts.get(name)?.length === members.length ? [name.slice(0, -1)] : members,
  );
}

function scopeOf(name: string): string {
  return name.slice(0, name.indexOf("/") + 1);
}

function addSpecial({ folder, systems = [] }: InstalledPackage): AddSpec {
  const [outer, unit] = split(folder);
  const path = isStore(outer) ? `${outer}/${unit}` : folder;
  return {
    src: [literal(path)],
    dest: imagePath(path),
    platform: systems.map(({ platform }) => platform),
    ignore: false,
  };
}

/** One add for each folder that links are in; links in a folder are added as they are. */
export function linkAdds(links: readonly string[]): AddSpec[] {
  const folders = Map.groupBy(links, (link) =>
    link.slice(0, link.lastIndexOf("node_modules/") + "node_modules".length),
  );
  return [...folders]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([folder, inside]) => ({
      src: [literal(folder)],
      dest: imagePath(folder),
      include: inside.map((link) => literal(link.slice(folder.length + 1))).toSorted(),
      ignore: false,
    }));
}

/** A path as a pattern that matches nothing else. */
export function literal(path: string): string {
  return path.replaceAll(/[\\*?[\]]/g, "\\$&");
}
