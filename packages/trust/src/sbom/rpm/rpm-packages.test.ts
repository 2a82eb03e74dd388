import { describe, expect, test } from "vitest";
import { imageOf, type ImageFixture } from "../image-of.suite.ts";
import { takeInventory } from "../inventory.ts";
import type { Package } from "../package.ts";
import { ndbDatabase, rpmHeader } from "./rpm-database.suite.ts";

/* Databases that rpm itself wrote are read in test/interop/rpm.test.ts. */

const suse = `NAME="openSUSE Leap"\nID="opensuse-leap"\nVERSION_ID="15.6"\n`;
const redHat = `ID="rhel"\nVERSION_ID="9.4"\n`;
const database = "usr/lib/sysimage/rpm/Packages.db";

async function packagesOf(...layers: ImageFixture["layers"]): Promise<readonly Package[]> {
  const { packages, unread } = await takeInventory(await imageOf({ layers }));
  expect(unread).toEqual([]);
  return packages;
}

const bash = rpmHeader({
  name: "bash",
  version: "5.1.8",
  release: "6.el9",
  architecture: "x86_64",
  licence: "GPLv3+",
  vendor: "Red Hat, Inc.",
  sourceRpm: "bash-5.1.8-6.el9.src.rpm",
  provides: ["bash", "bash(x86-64)", "/bin/sh"],
  requires: ["glibc", "/usr/bin/which", "rpmlib(CompressedFileNames)", "(a if b)", "gone"],
});
const glibc = rpmHeader({ name: "glibc", version: "2.34", architecture: "x86_64", epoch: 2, requires: ["/bin/sh"] });
const which = rpmHeader({
  name: "which",
  version: "2",
  baseNames: ["doc", "which"],
  directories: ["/usr/share/", "/usr/bin/"],
  directoryOf: [0, 1],
});

test("a package of rpm has licence, vendor, source package, and an epoch that the purl has by itself", async () => {
  const packages = await packagesOf({ "etc/os-release": redHat, [database]: ndbDatabase([bash, undefined, glibc]) });

  expect(packages).toMatchObject([
    {
      type: "rpm",
      name: "bash",
      version: "5.1.8-6.el9",
      purl: "pkg:rpm/redhat/bash@5.1.8-6.el9?arch=x86_64&distro=rhel-9.4&upstream=bash-5.1.8-6.el9.src.rpm",
      licence: "GPLv3+",
      supplier: "Red Hat, Inc.",
      path: database,
    },
    {
      version: "2:2.34-1",
      purl: "pkg:rpm/redhat/glibc@2.34-1?arch=x86_64&distro=rhel-9.4&epoch=2",
      licence: undefined,
    },
  ]);
});

test("what a package needs is found by the names and files that others provide", async () => {
  const packages = await packagesOf({ [database]: ndbDatabase([bash, glibc, which]) });

  expect(packages.map(({ name, dependencies }) => [name, dependencies.map((one) => one.name)])).toEqual([
    ["bash", ["glibc", "which"]],
    ["glibc", ["bash"]],
    ["which", []],
  ]);
});

test.each([
  [suse, "pkg:rpm/opensuse/NetworkManager@1-1?arch=noarch&distro=opensuse-leap-15.6"],
  ["ID=fedora\nVERSION_ID=42\n", "pkg:rpm/fedora/NetworkManager@1-1?arch=noarch&distro=fedora-42"],
  ["", "pkg:rpm/NetworkManager@1-1?arch=noarch"],
])("a purl of %j begins with the vendor, and keeps the case of the name", async (release, purl) => {
  const header = rpmHeader({ name: "NetworkManager", version: "1" });

  const [found] = await packagesOf({ "etc/os-release": release, [database]: ndbDatabase([header]) });

  expect(found?.purl).toBe(purl);
});

test("what rpm added when it installed a package counts more than what the package says", async () => {
  const header = rpmHeader({ name: "a", version: "1", vendor: "One" }, { vendor: "Two" });

  expect(await packagesOf({ [database]: ndbDatabase([header]) })).toMatchObject([{ supplier: "Two" }]);
});

test("keys, and entries that rpm would not write, are no packages", async () => {
  const headers = [
    rpmHeader({ name: "gpg-pubkey", version: "fd431d51" }),
    rpmHeader({ name: "\u001b[31mred", version: "1" }),
    rpmHeader({ name: "spaced", version: "1 2" }),
    rpmHeader({ version: "1" }),
    rpmHeader({ name: "fine", version: "1", vendor: " " }),
  ];

  expect(await packagesOf({ [database]: ndbDatabase(headers) })).toMatchObject([{ name: "fine", supplier: undefined }]);
});

describe("over layers", () => {
  const one = rpmHeader({ name: "one", version: "1" });
  const two = rpmHeader({ name: "two", version: "1" });
  const newer = rpmHeader({ name: "two", version: "2" });

  test("a package is of the layer that brought its version", async () => {
    const packages = await packagesOf(
      { [database]: ndbDatabase([one, two]) },
      { [database]: ndbDatabase([one, newer]) },
      { [database]: ndbDatabase([one, newer, bash]) },
    );

    expect(packages.map(({ name, layer }) => [name, layer])).toEqual([
      ["bash", 2],
      ["one", 0],
      ["two", 1],
    ]);
  });

  test.each([
    `${database.slice(0, -"Packages.db".length)}.wh.Packages.db`,
    "usr/lib/sysimage/.wh.rpm",
    "usr/.wh..wh..opq",
  ])("a database that %s takes away has no packages", async (whiteout) => {
    expect(await packagesOf({ [database]: ndbDatabase([one]) }, { [whiteout]: "" })).toEqual([]);
  });

  test("a database that a link leads to is read once", async () => {
    const link = { symlink: "../../usr/lib/sysimage/rpm" };

    expect(await packagesOf({ [database]: ndbDatabase([one]), "var/lib/rpm": link })).toMatchObject([
      { path: database },
    ]);
  });

  test("a database that another one in its folder has replaced does not count", async () => {
    const { packages, unread } = await takeInventory(
      await imageOf({
        layers: [{ "var/lib/rpm/Packages": "left behind" }, { "var/lib/rpm/Packages.db": ndbDatabase([one]) }],
      }),
    );

    expect(packages.map(({ name }) => name)).toEqual(["one"]);
    expect(unread).toMatchObject([{ path: "var/lib/rpm/Packages" }]);
  });
});

test.each([
  ["var/lib/rpm/rpmdb.sqlite", "anything, but no database", "it is no SQLite database"],
  ["var/lib/rpm/rpmdb.sqlite", "SQLite format 3\0", "it is damaged"],
  ["var/lib/rpm/rpmdb.sqlite-wal", "pages", "it has changes that are not in the database yet"],
  ["usr/share/rpm/Packages.db", "", "it is no database of rpm's own kind"],
  [database, ndbDatabase([bash]).subarray(0, 4096), "it is damaged"],
  [database, ndbDatabase([bash]).fill(0xff, 4096, 4100), "the blob of package 1 is not where it must be"],
  [database, ndbDatabase([Buffer.from([0, 0, 0, 9, 0, 0, 0, 0])]), "a package's header is longer than its place"],
  [database, ndbDatabase([Buffer.alloc(4)]), "it is damaged"],
  ["var/lib/rpm/Packages", Buffer.alloc(4096), "it is no hash database of Berkeley DB"],
  ["var/lib/rpm/Packages", "short", "it is damaged"],
])("a database %s of %j lists nothing, and why is said", async (path, content, reason) => {
  const { packages, unread } = await takeInventory(await imageOf({ layers: [{ [path]: content }] }));

  expect(packages).toEqual([]);
  expect(unread).toEqual([{ path, reason }]);
});

test("a write-ahead log is nothing to warn of when it is empty", async () => {
  expect(await packagesOf({ "var/lib/rpm/rpmdb.sqlite-wal": "" })).toEqual([]);
});
