import { predicateIssues } from "@lading/testkit";
import { expect, test } from "vitest";
import { imageOf } from "./image-of.suite.ts";
import { makeSbom, type SbomFormat } from "./sbom.ts";

const formats: readonly SbomFormat[] = ["cyclonedx", "spdx"];
const tool = { name: "lading", version: "0.1.0" };
const base = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

const npm = (name: string, more: object = {}): string => JSON.stringify({ name, version: "1.0.0", ...more });

/** An image with something of everything. */
async function fullImage(): ReturnType<typeof imageOf> {
  return await imageOf({
    created: "2026-01-02T03:04:05.678Z",
    annotations: {
      "org.opencontainers.image.base.name": "docker.io/library/node:24",
      "org.opencontainers.image.base.digest": base,
    },
    layers: [
      {
        "etc/os-release": "ID=debian\nVERSION_ID=12\n",
        "var/lib/dpkg/status":
          "Package: libstdc++6\nVersion: 12.2.0\nArchitecture: amd64\n\nPackage: libc6\nVersion: 2.36\nArchitecture: amd64\nDepends: libstdc++6\n",
        "var/lib/apk": "",
      },
      {
        "app/package.json": npm("@acme/app", { license: "UNLICENSED", dependencies: { a: "*", c: "*" } }),
        "app/node_modules/a/package.json": npm("a", { license: "MIT", dependencies: { b: "*" } }),
        "app/node_modules/a/node_modules/b/package.json": npm("b", { license: "(MIT OR Apache-2.0)" }),
        "app/node_modules/b/package.json": npm("b", { license: "see \u0000 LICENCE ‮file" }),
        "app/node_modules/c/package.json": npm("c", { dependencies: { d: "*" } }),
        "app/node_modules/d/package.json": npm("d", { dependencies: { c: "*" } }),
        "app/node_modules/c/vendor/e/package.json": npm("e"),
        "app/node_modules/broken/package.json": "{",
        "app/node_modules/.package-lock.json": JSON.stringify({
          packages: {
            "node_modules/a": {
              version: "1.0.0",
              resolved: "https://registry.npmjs.org/a/-/a-1.0.0.tgz",
              integrity: `sha512-${Buffer.alloc(64, 7).toString("base64")}`,
            },
          },
        }),
      },
    ],
  });
}

async function documentOf(format: SbomFormat): Promise<Readonly<Record<string, unknown>>> {
  const { document } = await makeSbom(await fullImage(), { format, tool, name: "ghcr.io/acme/app:1" });
  return document;
}

// The first to ask has the schema compiled, which takes seconds where others work as well.
test.each(formats)("a %s SBOM is valid by its schema", { timeout: 60_000 }, async (format) => {
  const { document, predicateType } = await makeSbom(await fullImage(), { format, tool, name: "ghcr.io/acme/app:1" });
  const listed = format === "spdx" ? "packages" : "components";

  expect(await predicateIssues(predicateType, document)).toEqual([]);
  // It would have said so.
  expect(await predicateIssues(predicateType, { ...document, [listed]: [{ name: "x" }] })).not.toEqual([]);
});

test("components say where they are, what they need, and which layer brought them", async () => {
  const document = await documentOf("cyclonedx");

  expect(document).toMatchObject({
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    serialNumber: expect.stringMatching(
      /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    ),
    metadata: {
      timestamp: "2026-01-02T03:04:05.678Z",
      component: {
        type: "container",
        name: "ghcr.io/acme/app",
        purl: expect.stringMatching(
          /^pkg:oci\/app@sha256:[0-9a-f]{64}\?arch=amd64&repository_url=ghcr.io%2Facme%2Fapp&tag=1$/,
        ),
      },
      properties: [{ name: "lading:unread", value: "/app/node_modules/broken/package.json: it is no JSON" }],
    },
    components: expect.arrayContaining([
      expect.objectContaining({
        type: "container",
        name: "docker.io/library/node:24",
        version: base,
        purl: `pkg:oci/node@${base}?repository_url=docker.io%2Flibrary%2Fnode&tag=24`,
      }),
      expect.objectContaining({ type: "operating-system", name: "debian", version: "12" }),
      expect.objectContaining({
        type: "library",
        name: "a",
        version: "1.0.0",
        purl: "pkg:npm/a@1.0.0",
        licenses: [{ license: { id: "MIT" } }],
        hashes: [{ alg: "SHA-512", content: "07".repeat(64) }],
        externalReferences: [{ type: "distribution", url: "https://registry.npmjs.org/a/-/a-1.0.0.tgz" }],
        evidence: { occurrences: [{ location: "/app/node_modules/a" }] },
        properties: expect.arrayContaining([{ name: "lading:layer:number", value: "2" }]),
      }),
      expect.objectContaining({ type: "application", group: "@acme", name: "app" }),
    ]),
    dependencies: expect.arrayContaining([
      {
        ref: "image",
        dependsOn: [
          "base",
          "os:debian",
          "pkg:deb/debian/libc6@2.36?arch=amd64&distro=debian-12",
          "pkg:npm/%40acme/app@1.0.0",
          "pkg:npm/b@1.0.0#app/node_modules/b",
          "pkg:npm/e@1.0.0",
        ],
      },
      { ref: "pkg:npm/a@1.0.0", dependsOn: ["pkg:npm/b@1.0.0#app/node_modules/a/node_modules/b"] },
    ]),
    compositions: [{ aggregate: "incomplete", assemblies: ["image"] }],
  });
});

test("packages that only need each other hang on the image all the same", async () => {
  const image = await imageOf({
    layers: [
      {
        "node_modules/c/package.json": npm("c", { dependencies: { d: "*" } }),
        "node_modules/d/package.json": npm("d", { dependencies: { c: "*" } }),
      },
    ],
  });

  const { document } = await makeSbom(image, { tool });

  expect(document["dependencies"]).toContainEqual({ ref: "image", dependsOn: ["pkg:npm/c@1.0.0"] });
});

test.each(formats)(
  "the same image has the same %s document in every byte, and another name alone changes it",
  async (format) => {
    const first = JSON.stringify(await documentOf(format));
    const { document } = await makeSbom(await fullImage(), { format, tool, name: "ghcr.io/acme/app:2" });

    expect(JSON.stringify(await documentOf(format))).toBe(first);
    expect(JSON.stringify(document)).not.toBe(first);
  },
);

test("SOURCE_DATE_EPOCH is the time, where it is given, and 1970 is none", async () => {
  const image = await imageOf({ created: "1970-01-01T00:00:00Z", layers: [{ a: "" }] });
  const cyclonedx = async (sourceDateEpoch?: number): Promise<unknown> =>
    JSON.parse(JSON.stringify((await makeSbom(image, { tool, sourceDateEpoch })).document["metadata"]));

  expect(await cyclonedx(1_700_000_000)).toMatchObject({ timestamp: "2023-11-14T22:13:20.000Z" });
  expect(await cyclonedx()).not.toHaveProperty("timestamp");
});

test("an image without a name is called by its digest, and one without packages has an SBOM", async () => {
  const image = await imageOf({ layers: [{ a: "" }] });

  for (const format of formats) {
    const { document, predicateType } = await makeSbom(image, { format, tool });
    expect(JSON.stringify(document)).toContain(`"name":"${image.descriptor.digest}"`);
    expect(await predicateIssues(predicateType, document)).toEqual([]);
  }
});
