import { posix } from "node:path";
import { BuildError } from "../errors.ts";
import type { LockedDependency, LockedPackage, Lockfile, PackageManifest } from "./lockfile.ts";
import { differences, outOfDate } from "./lockfile-mismatch.ts";
import { type Fields, isFields } from "../fields.ts";
import { conditionsOf, fieldsOf, text, textsOf } from "./package-manifest.ts";
import { parsePlainYaml } from "./plain-yaml.ts";

/** Reads pnpm-lock.yaml of version 6 to 9. Throws BuildError SPEC for others. */
export function parsePnpmLockfile(content: string, name: string): Lockfile {
  const document = readDocument(content, name);
  const version = Number.parseInt(text(document["lockfileVersion"]) ?? "", 10);
  if (!(version >= 6 && version <= 9))
    throw new BuildError("SPEC", `Cannot read ${name}: its version is ${JSON.stringify(document["lockfileVersion"])}`, {
      hint: "Versions 6 to 9 are known, which pnpm 8 and later write: run `pnpm install`",
    });
  const packages = fieldsOf(document["packages"]);
  // Before version 9 a package and how it was resolved were one thing.
  const snapshots = isFields(document["snapshots"]) ? document["snapshots"] : packages;
  // A lockfile of one package has what it depends on at its top.
  const importers = isFields(document["importers"]) ? document["importers"] : { ".": document };
  const known = new Map<string, LockedPackage>();

  const importerAt = (folder: string): LockedPackage => {
    const fields = fieldsOf(importers[folder === "" ? "." : folder]);
    return remembered(known, `importer ${folder}`, () => ({
      name: folder === "" ? "the root" : folder,
      version: "",
      folder,
      workspace: true,
      dependencies: () => dependenciesOf(fields, folder),
    }));
  };

  const dependenciesOf = (fields: Fields, folder: string): LockedDependency[] =>
    [false, true].flatMap((optional) =>
      Object.entries(fieldsOf(fields[optional ? "optionalDependencies" : "dependencies"])).map(([wanted, value]) => {
        // Of a package that is imported the lockfile says what was asked for as well.
        const resolved = text(value) ?? text(fieldsOf(value)["version"]) ?? "";
        return { name: wanted, package: packageOf(wanted, resolved, folder), optional };
      }),
    );

  const packageOf = (wanted: string, resolved: string, folder: string): LockedPackage | undefined => {
    if (resolved.startsWith("link:")) {
      const target = posix.normalize(posix.join(folder, resolved.slice("link:".length)));
      return importerAt(target === "." ? "" : target.replace(/\/$/, ""));
    }
    const key = [`${wanted}@${resolved}`, `/${wanted}@${resolved}`, resolved].find((one) => one in snapshots);
    if (key === undefined) return undefined;
    return remembered(known, key, () => {
      const snapshot = fieldsOf(snapshots[key]);
      // What follows the version in brackets are the peers.
      const bare = key.replace(/(?<=.)\(.*$/, "");
      const fields = fieldsOf(packages[bare] ?? packages[key]);
      const at = bare.lastIndexOf("@");
      return {
        name: at > 0 ? bare.slice(0, at).replace(/^\//, "") : wanted,
        version: text(fields["version"]) ?? bare.slice(at + 1),
        workspace: false,
        conditions: conditionsOf(fields),
        ...(version < 9 && { scripts: fields["requiresBuild"] === "true" }),
        dependencies: () => dependenciesOf(snapshot, folder),
      };
    });
  };

  return {
    manager: "pnpm",
    name,
    workspaces: Object.keys(importers).filter((folder) => folder !== "."),
    importer: (folder, manifest) => {
      const fields = importers[folder === "" ? "." : folder];
      if (!isFields(fields))
        throw new BuildError("SPEC", `Cannot find "${folder}" in ${name}: it was made without this package`, {
          hint: "Run `pnpm install`, and see that pnpm-workspace.yaml names the package's folder",
        });
      refuseMismatch(fields, manifest, textsOf(document["overrides"]), folder, name);
      return importerAt(folder);
    },
  };
}

function readDocument(content: string, name: string): Fields {
  try {
    return parsePlainYaml(content);
  } catch (cause) {
    throw new BuildError("SPEC", `Cannot read ${name}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
}

function refuseMismatch(
  fields: Fields,
  manifest: PackageManifest,
  overrides: Readonly<Record<string, string>>,
  folder: string,
  lockfile: string,
): void {
  const locked: Record<string, string> = {};
  for (const kind of ["devDependencies", "dependencies", "optionalDependencies"])
    for (const [name, value] of Object.entries(fieldsOf(fields[kind])))
      locked[name] = text(fieldsOf(value)["specifier"]) ?? text(fieldsOf(fields["specifiers"])[name]) ?? "";
  // An override takes a dependency away by a dash.
  for (const [name, range] of Object.entries({
    ...manifest.dependencies,
    ...manifest.devDependencies,
    ...manifest.optionalDependencies,
  }))
    if (overrides[name] === "-") locked[name] = range;
  const overridden = new Set(Object.keys(overrides).map((key) => key.replace(/(?<=.)@.*$/, "")));
  const found = differences(manifest, locked, (wanted, other, name) => wanted === other || overridden.has(name));
  if (found.length > 0) throw outOfDate(lockfile, folder, found, "pnpm install");
}

function remembered(known: Map<string, LockedPackage>, key: string, make: () => LockedPackage): LockedPackage {
  const found = known.get(key) ?? make();
  known.set(key, found);
  return found;
}
