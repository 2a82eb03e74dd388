import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import * as z from "zod";
import { workspace } from "./workspace.ts";

const bom = z.object({
  serialNumber: z.string(),
  metadata: z.object({ component: z.object({ purl: z.string() }), timestamp: z.string().optional() }),
  components: z.array(
    z.object({ type: z.string(), name: z.string(), version: z.string(), purl: z.string().optional() }),
  ),
});

const npm = (name: string, version: string, more: object = {}): string =>
  JSON.stringify({ name, version, license: "MIT", ...more });

/** Two releases of an application: `old.tar` and `new.tar`. */
async function releases() {
  const work = await workspace({
    "old/package.json": npm("shop", "1.0.0", { dependencies: { a: "*", b: "*" } }),
    "old/node_modules/a/package.json": npm("a", "1.0.0"),
    "old/node_modules/b/package.json": npm("b", "1.0.0"),
    "new/package.json": npm("shop", "1.1.0", { dependencies: { a: "*", c: "*" } }),
    "new/node_modules/a/package.json": npm("a", "1.2.0"),
    "new/node_modules/c/package.json": npm("c", "0.1.0"),
  });
  for (const name of ["old", "new"]) {
    const flags = ["-q", "--add", `${name}:/app`, "-t", "ghcr.io/acme/shop:1", "-o", `oci-archive:${name}.tar`];
    const { status, stderr } = await work.lading(["build", ".", "--platform", "linux/amd64", ...flags]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  }
  return work;
}

test("sbom lists what is in the layers, under the image's name, twice the same", async () => {
  await using work = await releases();

  const first = await work.lading(["sbom", "oci-archive:old.tar"]);
  const second = await work.lading(["sbom", "oci-archive:old.tar", "-o", "sub/sbom.json"]);

  expect(first).toMatchObject({ status: 0, stderr: "" });
  const { metadata, components } = bom.parse(JSON.parse(first.stdout));
  expect(metadata.component.purl).toMatch(/^pkg:oci\/shop@sha256:.*repository_url=ghcr\.io%2Facme%2Fshop&tag=1$/);
  expect(components.map(({ purl }) => purl)).toEqual(["pkg:npm/a@1.0.0", "pkg:npm/b@1.0.0", "pkg:npm/shop@1.0.0"]);
  expect(second).toMatchObject({ status: 0, stdout: "", stderr: "wrote sub/sbom.json: 3 packages\n" });
  expect(await work.read("sub/sbom.json")).toBe(first.stdout);
});

test("sbom takes its time from SOURCE_DATE_EPOCH, and writes SPDX when asked to", async () => {
  await using work = await releases();

  const { status, stdout } = await work.lading(["sbom", "--format", "spdx", "oci-archive:new.tar"], {
    SOURCE_DATE_EPOCH: "1700000000",
  });

  expect(status).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    spdxVersion: "SPDX-2.3",
    creationInfo: { created: "2023-11-14T22:13:20Z" },
    packages: [{ SPDXID: "SPDXRef-Image" }, { name: "a" }, { name: "c" }, { name: "shop" }],
  });
});

test("diff --packages tells what came, went and moved on", async () => {
  await using work = await releases();
  const images = ["oci-archive:old.tar", "oci-archive:new.tar"];

  const { status, stdout } = await work.lading(["diff", "--packages", ...images]);
  const json = await work.lading(["diff", "--packages", "--json", "--exit-code", ...images]);
  const same = await work.lading(["diff", "--packages", "--exit-code", "oci-archive:old.tar", "oci-archive:old.tar"]);

  expect(status).toBe(0);
  expect(stdout).toBe(
    [
      "~  npm  a     1.0.0 → 1.2.0  layer 1",
      "-  npm  b     1.0.0          layer 1",
      "+  npm  c     0.1.0          layer 1",
      "~  npm  shop  1.0.0 → 1.1.0  layer 1",
      "3 → 3 packages: 1 added, 1 removed, 2 changed",
      "",
    ].join("\n"),
  );
  expect(json.status).toBe(1);
  expect(JSON.parse(json.stdout)).toMatchObject({
    packages: [{ change: "changed", name: "a", before: ["1.0.0"], after: ["1.2.0"], layers: [1] }, {}, {}, {}],
  });
  expect(same).toMatchObject({ status: 0, stdout: "Both images hold the same 3 packages\n" });
});

test("what cannot be read is warned of, and makes the SBOM say that it is incomplete", async () => {
  await using work = await workspace({ "app/node_modules/\u001b[31mred/package.json": "{" });
  await work.lading(["build", ".", "-q", "--add", "app:/app", "-o", "oci:bad", "--platform", "linux/amd64"]);

  const { status, stdout, stderr } = await work.lading(["sbom", "oci:bad"]);

  expect(status).toBe(0);
  expect(stderr).toBe(
    "warning: packages may be missing: cannot read /app/node_modules/\\x1b[31mred/package.json: it is no JSON\n",
  );
  expect(JSON.parse(stdout)).toMatchObject({ compositions: [{ aggregate: "incomplete" }] });
});

// What this machine has installed, where it is a Debian.
test.runIf(existsSync("/var/lib/dpkg/status"))(
  "the packages of a real dpkg are those that dpkg-query names",
  async () => {
    await using work = await workspace({
      "var/lib/dpkg/status": readFileSync("/var/lib/dpkg/status", "utf8"),
      "etc/os-release": readFileSync("/etc/os-release", "utf8"),
    });
    await work.lading(["build", ".", "-q", "--add", "var:/var", "--add", "etc:/etc", "-o", "oci:debian"]);

    const { stdout } = await work.lading(["sbom", "oci:debian"]);

    const listed = execFileSync("dpkg-query", ["-W", "-f", "${db:Status-Status} ${Package} ${Version}\\n"], {
      encoding: "utf8",
    });
    const installed = listed.split("\n").flatMap((line) => (line.startsWith("installed ") ? [line.slice(10)] : []));
    const { components } = bom.parse(JSON.parse(stdout));
    const found = components.filter(({ type }) => type === "library").map(({ name, version }) => `${name} ${version}`);
    expect(found.toSorted()).toEqual(installed.toSorted());
    expect(found.length).toBeGreaterThan(50);
  },
);

test.each([
  [["sbom"], 2, "without all its arguments"],
  [["sbom", "oci:nowhere"], 1, "error: Cannot open the OCI layout nowhere"],
  [["sbom", "oci-archive:old.tar", "--format", "swid"], 2, `expected one of "cyclonedx", "spdx"`],
  [["sbom", "oci-archive:old.tar", "--platform", "linux/s390x"], 1, "Cannot find linux/s390x"],
  [["sbom", "oci-archive:old.tar", "-o", "old/package.json/x"], 1, `error: Cannot write "old/package.json/x"`],
  [["sbom", "scratch"], 2, `Cannot read "scratch"`],
])("lading %j is refused", async (args, code, words) => {
  await using work = await releases();

  const { status, stdout, stderr } = await work.lading(args);

  expect({ status, stdout }).toEqual({ status: code, stdout: "" });
  expect(stderr).toContain(words);
});
