import { basename, dirname } from "node:path/posix";
import { type Catalog, Unreadable } from "../catalog.ts";
import { distributionPackages } from "../distribution-packages.ts";
import { distributionOf, purlOf } from "../purl.ts";
import { berkeleyValues } from "./berkeley-values.ts";
import { ndbBlobs } from "./ndb-blobs.ts";
import { heldBy, rpmEntries, type RpmEntry } from "./rpm-entries.ts";
import { sqliteRows } from "./sqlite-rows.ts";

/** Where distributions have the database; the last is ostree's. */
const folders = new Set(["var/lib/rpm", "usr/lib/sysimage/rpm", "usr/share/rpm"]);

/** What it is called, and how its headers are read; of several in a folder the first counts. */
const kinds: ReadonlyMap<string, (file: Buffer) => Iterable<Buffer>> = new Map([
  ["rpmdb.sqlite", sqliteHeaders],
  ["Packages.db", ndbBlobs],
  ["Packages", berkeleyHeaders],
]);
const names = [...kinds.keys()];

/** What SQLite wrote beside its database and not yet into it: nothing, when rpm came to its end. */
const unfinished = "rpmdb.sqlite-wal";

/** Packages of Red Hat, Fedora, SUSE and their kin: the database of rpm, in each of its three forms. */
export const rpmPackages: Catalog<readonly RpmEntry[]> = {
  wants: (path, { size }) =>
    folders.has(dirname(path)) && (kinds.has(basename(path)) || (basename(path) === unfinished && size > 0)),
  limit: () => 256 * 1024 * 1024,
  read: (bytes, path) => {
    const headers = kinds.get(basename(path));
    if (headers === undefined) throw new Unreadable("it has changes that are not in the database yet");
    try {
      return rpmEntries(headers(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)));
    } catch (error) {
      if (error instanceof RangeError) throw new Unreadable("it is damaged", { cause: error });
      throw error;
    }
  },
  held: (entries) => entries.reduce((sum, entry) => sum + heldBy(entry), 0),
  packages: (files, { os }) => {
    const { namespace, distro } = distributionOf(os);
    const paths = new Set(files.map(({ path }) => path));
    const counting = files.filter(({ path }) => {
      const before = names.slice(0, names.indexOf(basename(path)));
      return !before.some((name) => paths.has(`${dirname(path)}/${name}`));
    });
    return distributionPackages(counting, ({ name, release, epoch, architecture: arch, upstream }) => ({
      type: "rpm",
      purl: purlOf("rpm", {
        namespace: vendorOf(namespace),
        name,
        version: release,
        qualifiers: { arch, distro, epoch, upstream },
      }),
    }));
  },
};

/** Rows of the table are a package's number and its header. */
function* sqliteHeaders(file: Buffer): Generator<Buffer> {
  for (const [, header] of sqliteRows(file, "Packages")) {
    if (!Buffer.isBuffer(header)) throw new Unreadable("a row of its packages has no header");
    yield header;
  }
}

/** Beside headers there is the highest number of a package, in four bytes. */
function* berkeleyHeaders(file: Buffer): Generator<Buffer> {
  for (const value of berkeleyValues(file)) if (value.byteLength > 4) yield value;
}

/** purl-spec, type "rpm": the namespace is the vendor, which some distributions are not called by. */
function vendorOf(id: string | undefined): string | undefined {
  if (id === "rhel") return "redhat";
  return id?.startsWith("opensuse-") === true ? "opensuse" : id;
}
