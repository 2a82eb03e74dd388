import type { Catalog } from "./catalog.ts";
import { type DatabaseEntry, distributionPackages, isPlain } from "./distribution-packages.ts";
import { distributionOf, purlOf } from "./purl.ts";

interface DpkgEntry extends DatabaseEntry {
  /** The source package, where it is called otherwise; with its version, where that is another. */
  readonly upstream: string | undefined;
}

/** Packages of Debian and its kin: dpkg's status file, or, of distroless images, a file for each package. */
export const dpkgPackages: Catalog<readonly DpkgEntry[]> = {
  wants: (path) =>
    path === "var/lib/dpkg/status" || (path.startsWith("var/lib/dpkg/status.d/") && !path.endsWith(".md5sums")),
  limit: () => 64 * 1024 * 1024,
  read: (bytes) => paragraphsOf(Buffer.from(bytes).toString("utf8")).flatMap(entryOf),
  packages: (files, { os }) => {
    const { namespace = "debian", distro } = distributionOf(os);
    return distributionPackages(files, ({ name, version, architecture: arch, upstream }) => ({
      type: "deb",
      purl: purlOf("deb", { namespace, name, version, qualifiers: { arch, distro, upstream } }),
    }));
  },
};

type Paragraph = ReadonlyMap<string, string>;

/** deb822(5): fields by paragraphs; lines that go on are of no use here. */
function paragraphsOf(text: string): readonly Paragraph[] {
  return text.split(/\n\s*\n/).map((paragraph) => {
    const fields = new Map<string, string>();
    for (const [, key = "", value = ""] of paragraph.matchAll(/^([A-Z][A-Za-z-]*):[ \t]*(.*)$/gm))
      fields.set(key, value.trimEnd());
    return fields;
  });
}

function entryOf(fields: Paragraph): DpkgEntry[] {
  const name = fields.get("Package") ?? "";
  const version = fields.get("Version") ?? "";
  const architecture = fields.get("Architecture") ?? "";
  // "install ok installed"; what was removed may have left its configuration. Distroless images say nothing.
  const state = (fields.get("Status") ?? "install ok installed").split(" ")[2] ?? "";
  if (state === "config-files" || state === "not-installed") return [];
  if (![name, version, architecture].every(isPlain)) return [];
  const [, source, sourceVersion] = /^(\S+)(?: \((\S+)\))?/.exec(fields.get("Source") ?? "") ?? [];
  return [
    {
      name,
      version,
      architecture,
      provides: relationsOf(fields.get("Provides")).flat(),
      needs: [...relationsOf(fields.get("Pre-Depends")), ...relationsOf(fields.get("Depends"))],
      upstream:
        source === undefined || !isPlain(source)
          ? undefined
          : sourceVersion === undefined
            ? source
            : `${source}@${sourceVersion}`,
    },
  ];
}

/** "a (>= 1), b:any | c" to names. */
function relationsOf(text = ""): readonly (readonly string[])[] {
  if (text === "") return [];
  return text.split(",").map((relation) => relation.split("|").map((one) => one.trim().replace(/[\s(:[<].*$/, "")));
}
