import { BuildError } from "../errors.ts";
import type { LockedDependency, LockedPackage, Lockfile, PackageManifest } from "./lockfile.ts";
import { differences, outOfDate } from "./lockfile-mismatch.ts";
import { type Fields, isFields } from "../fields.ts";
import { conditionsOf, fieldsOf, parseJson, text, textsOf } from "./package-manifest.ts";

/**
 * Reads package-lock.json or npm-shrinkwrap.json of version 2 or 3: the folders of node_modules with what is in each.
 * Throws BuildError SPEC for other versions.
 */
export function parseNpmLockfile(content: string, name: string): Lockfile {
  const document = parseJson(content, name);
  const { packages } = document;
  if (!isFields(packages))
    throw new BuildError(
      "SPEC",
      `Cannot read ${name}: lockfileVersion ${JSON.stringify(document["lockfileVersion"])} says nothing of folders`,
      { hint: "Run `npm install --package-lock-only --lockfile-version 3` with npm 7 or later" },
    );
  const known = new Map<string, LockedPackage>();

  const packageAt = (folder: string): LockedPackage => {
    let found = known.get(folder);
    if (found === undefined) {
      const fields = fieldsOf(packages[folder]);
      found = {
        name: text(fields["name"]) ?? folder.slice(folder.lastIndexOf("node_modules/") + "node_modules/".length),
        version: text(fields["version"]) ?? "",
        folder,
        workspace: !folder.includes("node_modules/"),
        conditions: conditionsOf(fields),
        scripts: fields["hasInstallScript"] === true,
        dependencies: () => dependenciesOf(fields, folder),
      };
      known.set(folder, found);
    }
    return found;
  };

  const dependenciesOf = (fields: Fields, folder: string): LockedDependency[] =>
    productionNames(fields).map(({ name: wanted, optional }) => {
      const path = nearestOf(packages, folder, wanted);
      if (path === undefined) return { name: wanted, package: undefined, optional };
      const there = fieldsOf(packages[path]);
      const target = there["link"] === true ? text(there["resolved"]) : undefined;
      return { name: wanted, package: packageAt(target ?? path), optional, path };
    });

  return {
    manager: "npm",
    name,
    workspaces: Object.keys(packages).filter((folder) => folder !== "" && !folder.includes("node_modules/")),
    importer: (folder, manifest) => {
      const fields = packages[folder];
      if (!isFields(fields))
        throw new BuildError("SPEC", `Cannot find "${folder}" in ${name}: it was made without this package`, {
          hint: "Run `npm install` in the workspace's root",
        });
      refuseMismatch(fields, manifest, folder, name);
      return packageAt(folder);
    },
  };
}

/** The names that a package needs to run, by the rules of npm for what is written twice. */
function productionNames(fields: Fields): { readonly name: string; readonly optional: boolean }[] {
  const optional = textsOf(fields["optionalDependencies"]);
  const names = new Map<string, boolean>();
  // Who installed with --legacy-peer-deps went without.
  for (const name of Object.keys(textsOf(fields["peerDependencies"]))) names.set(name, true);
  for (const name of Object.keys(textsOf(fields["dependencies"]))) names.set(name, false);
  for (const name of Object.keys(optional)) names.set(name, true);
  return Array.from(names, ([name, isOptional]) => ({ name, optional: isOptional }));
}

/** Where Node would find a package that is imported in a folder. */
function nearestOf(packages: Fields, folder: string, name: string): string | undefined {
  for (let at = folder; ; at = at.slice(0, Math.max(0, at.lastIndexOf("/")))) {
    if (!at.endsWith("node_modules")) {
      const path = `${at === "" ? "" : `${at}/`}node_modules/${name}`;
      if (path in packages) return path;
    }
    if (at === "") return undefined;
  }
}

function refuseMismatch(fields: Fields, manifest: PackageManifest, folder: string, lockfile: string): void {
  const locked = {
    ...textsOf(fields["devDependencies"]),
    ...textsOf(fields["dependencies"]),
    ...textsOf(fields["optionalDependencies"]),
  };
  const found = differences(manifest, locked);
  if (found.length > 0) throw outOfDate(lockfile, folder, found, "npm install");
}
