import type { Catalog } from "./catalog.ts";
import { type DatabaseEntry, distributionPackages, isPlain } from "./distribution-packages.ts";
import { distributionOf, purlOf } from "./purl.ts";

interface ApkEntry extends DatabaseEntry {
  readonly upstream: string | undefined;
}

/** Packages of Alpine and its kin. */
export const apkPackages: Catalog<readonly ApkEntry[]> = {
  wants: (path) => path === "lib/apk/db/installed" || path === "usr/lib/apk/db/installed",
  limit: () => 64 * 1024 * 1024,
  read: (bytes) => Buffer.from(bytes).toString("utf8").split(/\n\n+/).flatMap(entryOf),
  packages: (files, { os }) => {
    const { namespace = "alpine", distro } = distributionOf(os);
    return distributionPackages(files, ({ name, version, architecture: arch, upstream }) => ({
      type: "apk",
      purl: purlOf("apk", { namespace, name, version, qualifiers: { arch, distro, upstream } }),
    }));
  },
};

/** A paragraph of lines with a letter each; those that come again and again list files. */
function entryOf(paragraph: string): ApkEntry[] {
  const fields = new Map<string, string>();
  for (const [, key = "", value = ""] of paragraph.matchAll(/^([PVALoDp]):(.*)$/gm)) fields.set(key, value.trim());
  const name = fields.get("P") ?? "";
  const version = fields.get("V") ?? "";
  const architecture = fields.get("A") ?? "";
  if (![name, version, architecture].every(isPlain)) return [];
  const origin = fields.get("o");
  return [
    {
      name,
      version,
      architecture,
      licence: fields.get("L")?.slice(0, 256),
      provides: namesOf(fields.get("p")),
      needs: namesOf(fields.get("D"))
        .filter((needed) => !needed.startsWith("!"))
        .map((needed) => [needed]),
      upstream: origin === undefined || origin === name || !isPlain(origin) ? undefined : origin,
    },
  ];
}

/** "so:libc.musl-x86_64.so.1 cmd:sh=1.36" to names. */
function namesOf(text = ""): readonly string[] {
  return text.split(" ").flatMap((one) => (one === "" ? [] : [one.replace(/[<>=~].*$/, "")]));
}
