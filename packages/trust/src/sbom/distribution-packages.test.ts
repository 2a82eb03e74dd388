import { expect, test } from "vitest";
import { imageOf } from "./image-of.suite.ts";
import { takeInventory } from "./inventory.ts";
import type { Package } from "./package.ts";

const debian = `PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_ID="12"\nID=debian\n`;
const alpine = `NAME="Alpine Linux"\nID=alpine\nVERSION_ID=3.20.3\nPRETTY_NAME='Alpine Linux v3.20'\n`;

function dpkg(name: string, version: string, more = ""): string {
  return `Package: ${name}\nStatus: install ok installed\nArchitecture: amd64\nVersion: ${version}\n${more}Description: a package\n that goes on\n\n`;
}

function facts(packages: readonly Package[]): Record<string, unknown> {
  return Object.fromEntries(
    packages.map(({ name, purl, layer, dependencies }) => [name, [purl, layer, dependencies.map((one) => one.name)]]),
  );
}

test("packages of dpkg are listed with distribution, source package and what they need", async () => {
  const status =
    dpkg("libc6", "2.36-9+deb12u14", "Source: glibc\n") +
    dpkg(
      "bash",
      "5.2.15-2+b13",
      "Source: bash (5.2.15-2)\nPre-Depends: libc6 (>= 2.36), libtinfo6 (>= 6) | ncurses\n",
    ) +
    dpkg("mawk", "1:1.3.4", "Provides: awk, what (= 1)\n") +
    dpkg("base-files", "12", "Pre-Depends: awk\nDepends: gone:any\n");
  const image = await imageOf({ layers: [{ "etc/os-release": debian, "var/lib/dpkg/status": status }] });

  const { packages, os } = await takeInventory(image);

  expect(os).toEqual({ id: "debian", version: "12", title: "Debian GNU/Linux 12 (bookworm)", layer: 0 });
  expect(facts(packages)).toEqual({
    "base-files": ["pkg:deb/debian/base-files@12?arch=amd64&distro=debian-12", 0, ["mawk"]],
    bash: ["pkg:deb/debian/bash@5.2.15-2+b13?arch=amd64&distro=debian-12&upstream=bash%405.2.15-2", 0, ["libc6"]],
    libc6: ["pkg:deb/debian/libc6@2.36-9+deb12u14?arch=amd64&distro=debian-12&upstream=glibc", 0, []],
    mawk: ["pkg:deb/debian/mawk@1:1.3.4?arch=amd64&distro=debian-12", 0, []],
  });
});

test("a package of dpkg is of the layer that brought its version, though every layer after has the whole list", async () => {
  const image = await imageOf({
    layers: [
      { "var/lib/dpkg/status": dpkg("a", "1") + dpkg("b", "1") + dpkg("c", "1") },
      { "var/lib/dpkg/status": dpkg("a", "1") + dpkg("b", "2") },
      { "etc/motd": "" },
      { "var/lib/dpkg/status": dpkg("a", "1") + dpkg("b", "2") + dpkg("c", "1") + dpkg("d", "1") },
    ],
  });

  const { packages } = await takeInventory(image);

  expect(packages.map(({ name, version, layer }) => [name, version, layer])).toEqual([
    ["a", "1", 0],
    ["b", "2", 1],
    ["c", "1", 3],
    ["d", "1", 3],
  ]);
});

test("what was removed and left its configuration is no package, and distroless images have a file for each", async () => {
  const image = await imageOf({
    layers: [
      {
        "var/lib/dpkg/status": dpkg("gone", "1").replace("install ok installed", "deinstall ok config-files"),
        "var/lib/dpkg/status.d/tzdata": "Package: tzdata\nVersion: 2025b-0\nArchitecture: all\n",
        "var/lib/dpkg/status.d/tzdata.md5sums": "d41d8cd98f00b204e9800998ecf8427e  usr/share/x\n",
      },
    ],
  });

  const { packages } = await takeInventory(image);

  expect(packages.map(({ purl, path }) => [purl, path])).toEqual([
    ["pkg:deb/debian/tzdata@2025b-0?arch=all", "var/lib/dpkg/status.d/tzdata"],
  ]);
});

test("packages of apk are listed with licence, origin and what they need", async () => {
  const installed = [
    "C:Q1abc=\nP:musl\nV:1.2.5-r0\nA:x86_64\nL:MIT\no:musl\np:so:libc.musl-x86_64.so.1=1\nF:lib\nR:ld-musl-x86_64.so.1",
    "P:busybox-binsh\nV:1.36.1-r29\nA:x86_64\nL:GPL-2.0-only\no:busybox\nD:so:libc.musl-x86_64.so.1 !conflict missing>=1",
  ].join("\n\n");
  const image = await imageOf({
    layers: [{ "usr/lib/os-release": alpine, "lib/apk/db/installed": `${installed}\n\n` }],
  });

  const { packages } = await takeInventory(image);

  expect(facts(packages)).toEqual({
    musl: ["pkg:apk/alpine/musl@1.2.5-r0?arch=x86_64&distro=alpine-3.20.3", 0, []],
    "busybox-binsh": [
      "pkg:apk/alpine/busybox-binsh@1.36.1-r29?arch=x86_64&distro=alpine-3.20.3&upstream=busybox",
      0,
      ["musl"],
    ],
  });
  expect(packages.map(({ licence }) => licence)).toEqual(["GPL-2.0-only", "MIT"]);
});

test("entries that no distribution would write are no packages", async () => {
  const image = await imageOf({
    layers: [{ "var/lib/dpkg/status": dpkg("\u001b[31mred", "1") + dpkg("spaced", "1 2") + dpkg("fine", "1") }],
  });

  const { packages } = await takeInventory(image);

  expect(packages.map(({ name }) => name)).toEqual(["fine"]);
});
