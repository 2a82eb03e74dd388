import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { beforeAll, afterAll, describe, expect, test } from "vitest";
import * as z from "zod";
import { temporaryFolder } from "@lading/testkit";
import { installed, run } from "./command.ts";
import { lading } from "./lading.ts";

/* What `lading sbom` says of databases that rpm itself wrote, beside what `rpm -qa` says of them. */

const bom = z.object({
  components: z.array(
    z.object({
      type: z.string(),
      name: z.string(),
      version: z.string(),
      purl: z.string().default(""),
      supplier: z.object({ name: z.string() }).optional(),
      licenses: z.array(z.union([z.object({ license: z.unknown() }), z.object({ expression: z.string() })])).optional(),
      properties: z.array(z.object({ name: z.string(), value: z.string() })),
    }),
  ),
  dependencies: z.array(z.object({ ref: z.string(), dependsOn: z.array(z.string()).optional() })),
  compositions: z.unknown().optional(),
});

/** What `rpm -qa` is asked for. */
const format = "%{NAME} %{EVR} %{ARCH} %{VENDOR}\\n";

/** Packages of which one needs a file of another, with as many files as it takes to fill many pages of a database. */
function spec(version: string): string {
  return `Name: base
Version: 1.0
Release: 3.el9
Summary: The base
License: MIT AND (GPL-2.0-or-later OR Apache-2.0)
Vendor: Acme, Inc.
BuildArch: noarch
%description
Base.
%package -n library
Version: ${version}
Epoch: 2
Summary: A library
License: GPLv3+ with an exception
%description -n library
Library.
%package -n tool
Summary: A tool
License: MIT
Epoch: 0
Requires: /usr/share/library/data, base
%description -n tool
Tool.
%install
mkdir -p %{buildroot}/usr/share/base %{buildroot}/usr/share/library
for i in $(seq 400); do echo $i > %{buildroot}/usr/share/base/a-file-with-a-long-name-$i; done
echo ${version} > %{buildroot}/usr/share/library/data
%files
/usr/share/base
%files -n library
/usr/share/library
%files -n tool
`;
}

/** What an SBOM says, in the words of `format`. */
function told({ components }: z.output<typeof bom>): readonly string[] {
  return components
    .filter(({ type }) => type === "library")
    .map(({ name, version, purl, supplier }) => {
      const architecture = new URL(purl).searchParams.get("arch");
      return `${name} ${version} ${architecture} ${supplier?.name}`;
    })
    .toSorted();
}

/** As rpm writes it into keys and values, on machines such as these. */
function hexOf(number: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(number);
  return bytes.toString("hex");
}

describe.runIf(installed("rpm", "rpmbuild", "db_load"))("databases of rpm", () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  const at = (...names: readonly string[]): string => join(folder.path, ...names);
  /** The database is in a folder of its own, nothing is installed, and no setting of this machine counts. */
  const rpm = async (database: string, args: readonly string[], backend = "sqlite"): Promise<string> =>
    await run("rpm", ["--dbpath", at(database), "--define", `_db_backend ${backend}`, ...args]);
  const listed = async (database: string, backend?: string): Promise<readonly string[]> =>
    (await rpm(database, ["-qa", "--qf", format], backend))
      .split("\n")
      .filter((line) => line !== "")
      .toSorted();

  beforeAll(async () => {
    folder = await temporaryFolder();
    for (const version of ["1", "2"]) {
      await writeFile(at("base.spec"), spec(version));
      const macros = [`_topdir ${at("top")}`, `_rpmdir ${at(version)}`, "_build_name_fmt %%{NAME}.rpm"];
      await run("rpmbuild", ["-bb", "--quiet", ...macros.flatMap((macro) => ["--define", macro]), at("base.spec")]);
    }
    const justListed = ["--justdb", "--nodeps", "--noscripts"];
    await rpm("old", ["-i", ...justListed, at("1/base.rpm"), at("1/library.rpm")]);
    await run("cp", ["-r", at("old"), at("new")]);
    await rpm("new", ["-U", ...justListed, at("2/library.rpm"), at("2/tool.rpm")]);
    await writeFile(at("os-release"), 'ID="fedora"\nVERSION_ID="42"\n');
  });

  afterAll(() => folder[Symbol.asyncDispose]());

  /** The SBOM of an image whose layers have these files in the folder of the database, one a layer. */
  async function sbomOf(name: string, ...databases: readonly string[]): Promise<z.output<typeof bom>> {
    const add = databases.map(
      (database) => `  - add: [{ src: ${database}/${name}, dest: /usr/lib/sysimage/rpm/${name} }]\n`,
    );
    const release = "  - add: [{ src: os-release, dest: /etc/os-release }]\n";
    await writeFile(at("lading.yaml"), `layers:\n${release}${add.join("")}`);
    const cache = { cwd: folder.path, env: { LADING_CACHE_DIR: at("cache") } };
    await lading(
      ["build", ".", "-q", "-f", "lading.yaml", "--platform", "linux/amd64", "-o", "oci-archive:image.tar"],
      cache,
    );
    return bom.parse(JSON.parse(await lading(["sbom", "oci-archive:image.tar"], cache)));
  }

  test("one of SQLite has the packages that rpm lists, with the layer that brought each", async () => {
    const sbom = await sbomOf("rpmdb.sqlite", "old", "new");

    expect(told(sbom)).toEqual(await listed("new"));
    expect(told(sbom)).toEqual([
      "base 1.0-3.el9 noarch Acme, Inc.",
      "library 2:2-3.el9 noarch Acme, Inc.",
      "tool 0:1.0-3.el9 noarch Acme, Inc.",
    ]);
    expect(sbom).not.toHaveProperty("compositions");
    const library =
      "pkg:rpm/fedora/library@2-3.el9?arch=noarch&distro=fedora-42&epoch=2&upstream=base-1.0-3.el9.src.rpm";
    expect(sbom.components.find(({ name }) => name === "library")).toMatchObject({
      purl: library,
      licenses: [{ license: { name: "GPLv3+ with an exception" } }],
    });
    const layers = sbom.components.map(({ name, properties }) => [
      name,
      properties.find((one) => one.name === "lading:layer:number")?.value,
    ]);
    expect(Object.fromEntries(layers)).toEqual({ fedora: "1", base: "2", library: "3", tool: "3" });
    const [, needed] = sbom.dependencies.flatMap(({ ref, dependsOn }) =>
      ref.includes("/tool@") ? [ref, dependsOn] : [],
    );
    expect(needed).toEqual([expect.stringContaining("/base@"), library]);
  });

  test("diff --packages tells what an update changed, epochs and all", async () => {
    await sbomOf("rpmdb.sqlite", "old");
    await rename(at("image.tar"), at("before.tar"));
    await sbomOf("rpmdb.sqlite", "old", "new");

    const diff = ["diff", "--packages", "oci-archive:before.tar", "oci-archive:image.tar"];
    expect((await lading(diff, { cwd: folder.path, env: { NO_COLOR: "1" } })).split("\n")).toEqual([
      "~  rpm  library  2:1-3.el9 → 2:2-3.el9  layer 3",
      "+  rpm  tool     0:1.0-3.el9            layer 3",
      "2 → 3 packages: 1 added, 0 removed, 1 changed",
      "",
    ]);
  });

  test.each([512, 4096, 65_536])("one of Berkeley DB in pages of %i bytes has them too", async (pageSize) => {
    // rpm no longer writes one, and reads it still: the same headers, loaded by Berkeley DB's own tool.
    await mkdir(at(`berkeley-${pageSize}`));
    const file = at(`berkeley-${pageSize}`, "Packages");
    const headers = new DatabaseSync(at("new", "rpmdb.sqlite"), { readOnly: true });
    const rows = headers.prepare("SELECT hnum, hex(blob) AS header FROM Packages").all();
    headers.close();
    const pairs = rows.flatMap(({ hnum, header }) => [hexOf(Number(hnum)), String(header).toLowerCase()]);
    const dump = [
      "VERSION=3",
      "format=bytevalue",
      "type=hash",
      `db_pagesize=${pageSize}`,
      "HEADER=END",
      hexOf(0),
      hexOf(99),
      ...pairs,
      "DATA=END",
    ];
    const lines = dump.map((line, number) => (number < 5 || line === "DATA=END" ? line : ` ${line}`));
    await run("db_load", [file], { input: Buffer.from(`${lines.join("\n")}\n`) });

    const sbom = await sbomOf("Packages", `berkeley-${pageSize}`);

    expect(told(sbom)).toEqual(await listed(`berkeley-${pageSize}`, "bdb_ro"));
    expect(told(sbom)).toHaveLength(3);
  });
});
