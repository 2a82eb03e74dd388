import { join } from "node:path";
import {
  copy,
  type Descriptor,
  digestHex,
  digestOf,
  LayoutStore,
  mediaTypes,
  OciArchive,
  parseIndex,
  parseManifest,
  readBlob,
} from "@lading/oci";
import {
  buildkitImage,
  type BuildkitStatement,
  buildkitStatements,
  predicateIssues,
  startRegistry,
} from "@lading/testkit";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import { type Workspace, workspace } from "../cli/workspace.ts";
import { installed } from "./command.ts";
import { startDockerRegistry } from "./docker-registry.ts";
import { serving } from "./lading-serve.ts";

/* What builds say of themselves, read back from where they went without the command; and what BuildKit says, as the command shows it. */

const cyclonedx = "https://cyclonedx.org/bom";
const spdx = "https://spdx.dev/Document";
const slsa = "https://slsa.dev/provenance/v1";

const files = {
  "lading.yaml": "layers: [{ name: app, add: [{ src: src, dest: /app }, { src: etc, dest: /etc }] }]\n",
  "package-lock.json": "{}",
  "src/package.json": JSON.stringify({ name: "app", version: "1.0.0", license: "MIT", dependencies: { a: "1" } }),
  "src/node_modules/a/package.json": JSON.stringify({ name: "a", version: "1.0.0", license: "(MIT OR Apache-2.0)" }),
  "etc/os-release": "ID=debian\nVERSION_ID=12\n",
};
const epoch = { SOURCE_DATE_EPOCH: "1700000000" };
const asked = ["--sbom", "--sbom=spdx", "--provenance", "--platform", "linux/amd64,linux/arm64"];

/** A place of images, as those see it who have never heard of Lading. */
interface Reader {
  readonly root: Descriptor;
  readonly document: (descriptor: Descriptor) => Promise<Uint8Array>;
  readonly blob: (descriptor: Descriptor) => Promise<Uint8Array>;
  readonly referrers: (descriptor: Descriptor) => Promise<readonly Descriptor[]>;
}

const statementSchema = z.strictObject({
  _type: z.literal("https://in-toto.io/Statement/v1"),
  subject: z.array(z.strictObject({ name: z.string().optional(), digest: z.strictObject({ sha256: z.string() }) })),
  predicateType: z.string(),
  predicate: z.unknown(),
});

interface Said {
  readonly predicateType: string;
  readonly bytes: string;
}

/** All that is said of an image, each statement valid, and about just that image. */
async function saidOf(reader: Reader, image: Descriptor): Promise<readonly Said[]> {
  const { digest } = image;
  const said: Said[] = [];
  for (const referrer of await reader.referrers(image)) {
    const manifest = parseManifest(await reader.document(referrer));
    expect(manifest).toMatchObject({ artifactType: "application/vnd.in-toto+json", subject: { digest } });
    for (const layer of manifest.layers) {
      const bytes = Buffer.from(await reader.blob(layer)).toString();
      const { predicateType, predicate, subject } = statementSchema.parse(JSON.parse(bytes));
      expect(subject.map((one) => one.digest.sha256)).toContain(digestHex(digest));
      expect(await predicateIssues(predicateType, predicate)).toEqual([]);
      said.push({ predicateType, bytes });
    }
  }
  return said.toSorted((a, b) => (a.predicateType < b.predicateType ? -1 : 1));
}

/** What is said of an index, and of each of its images. */
async function saidAtAll(reader: Reader): Promise<readonly (readonly Said[])[]> {
  const { manifests } = parseIndex(await reader.document(reader.root));
  return await Promise.all([reader.root, ...manifests].map((one) => saidOf(reader, one)));
}

async function fetchBytes(url: string): Promise<Uint8Array | undefined> {
  const accept = ["index", "manifest"].map((kind) => `application/vnd.oci.image.${kind}.v1+json`).join(", ");
  const response = await fetch(url, { headers: { accept } });
  if (response.status === 404) return undefined;
  expect(response.status).toBe(200);
  return new Uint8Array(await response.arrayBuffer());
}

/** By the distribution-spec: the referrers API, and, where there is none, the tag that stands in for it. */
async function overHttp(host: string, repository: string, tag: string): Promise<Reader> {
  const base = `http://${host}/v2/${repository}`;
  const get = async (path: string): Promise<Uint8Array> =>
    (await fetchBytes(`${base}/${path}`)) ?? expect.fail(`there is no ${path}`);
  const index = await get(`manifests/${tag}`);
  return {
    root: { mediaType: mediaTypes.ociIndex, digest: digestOf(index), size: index.byteLength },
    document: async ({ digest }) => await get(`manifests/${digest}`),
    blob: async ({ digest }) => await get(`blobs/${digest}`),
    referrers: async ({ digest }) => {
      const listed = await fetchBytes(`${base}/referrers/${digest}`);
      return parseIndex(listed ?? (await get(`manifests/${digest.replace(":", "-")}`))).manifests;
    },
  };
}

async function inStore(store: LayoutStore | OciArchive): Promise<Reader> {
  const bytes = async (descriptor: Descriptor): Promise<Uint8Array> => await readBlob(store.blob(descriptor));
  return {
    root: await store.resolve(""),
    document: bytes,
    blob: bytes,
    referrers: async (descriptor) => await store.referrers(descriptor),
  };
}

async function build(work: Workspace, flags: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await work.lading(["build", ...asked, ...flags], epoch);
  expect({ status, stderr }).toMatchObject({ status: 0 });
  return stdout.trim();
}

/** An SBOM in both forms and the provenance of each image, the provenance of the index. */
const expected = [[slsa], [cyclonedx, slsa, spdx], [cyclonedx, slsa, spdx]].map((types) => types.toSorted());

function types(said: readonly (readonly Said[])[]): readonly (readonly string[])[] {
  return said.map((all) => all.map(({ predicateType }) => predicateType));
}

describe("build --sbom --provenance", () => {
  test("says the same of two builds of the same, byte for byte, in a layout and in an archive", async () => {
    await using first = await workspace(files);
    await using second = await workspace(files);

    const name = ["-t", "ghcr.io/acme/app:1"];
    const digest = await build(first, [...name, "-o", "oci:out"]);
    expect(await build(second, [...name, "-o", "oci-archive:out.tar"])).toBe(digest);

    const inLayout = await saidAtAll(await inStore(await LayoutStore.open(join(first.path, "out"))));
    const inArchive = await saidAtAll(await inStore(await OciArchive.open(join(second.path, "out.tar"))));
    expect(types(inLayout)).toEqual(expected);
    expect(inArchive).toEqual(inLayout);
  });

  const registries: Readonly<
    Record<string, (work: Workspace) => Promise<{ readonly host: string } & AsyncDisposable>>
  > = {
    "lading serve": async (work) => await serving([`oci:${join(work.path, "served")}`, "--writable"]),
    ...(installed("docker-registry") ? { "docker-registry": async () => await startDockerRegistry() } : {}),
  };

  test.each(Object.keys(registries))("attaches them in %s, where others find them, valid", async (kind) => {
    await using work = await workspace(files);
    await using registry = (await registries[kind]?.(work)) ?? expect.fail(kind);

    const digest = await build(work, ["-t", `${registry.host}/acme/app:1`, "--push", "--tls-verify=false"]);

    const reader = await overHttp(registry.host, "acme/app", "1");
    expect(reader.root.digest).toBe(digest);
    expect(types(await saidAtAll(reader))).toEqual(expected);
    const shown = await work.lading(["inspect", `${registry.host}/acme/app:1`, "--tls-verify=false", "--json"]);
    expect(JSON.parse(shown.stdout)).toMatchObject({
      image: { attestations: [{}, {}, {}, { subject: digest, predicateType: slsa, signed: false }] },
    });
  });
});

/** An index of BuildKit's in a registry, and, by a copy, in an archive. */
async function buildkitPlaces(statements?: (image: Descriptor) => readonly BuildkitStatement[]) {
  const registry = await startRegistry();
  const image = await buildkitImage(["linux/amd64", "linux/arm64"], statements);
  await copy(image.source, registry.store, image.descriptor);
  await registry.store.tag(image.descriptor, "acme/app:1");
  const work = await workspace();
  const name = `${registry.url.host}/acme/app:1`;
  expect(await work.lading(["copy", "-q", name, "oci-archive:copy.tar", "--tls-verify=false"])).toMatchObject({
    status: 0,
  });
  return {
    work,
    image,
    places: [[name, "--tls-verify=false"], ["oci-archive:copy.tar"]],
    async [Symbol.asyncDispose]() {
      await work[Symbol.asyncDispose]();
      await registry[Symbol.asyncDispose]();
    },
  };
}

describe("inspect and referrers", () => {
  test("show what was attested by a build, and then with a key", async () => {
    await using work = await workspace(files);
    await build(work, ["-t", "ghcr.io/acme/app:1", "-o", "oci:out"]);
    const key = { LADING_KEY_PASSWORD: "correct horse" };
    expect(await work.lading(["keygen"], key)).toMatchObject({ status: 0 });
    const attest = [
      "attest",
      "--key",
      "cosign.key",
      "--type",
      "https://acme.example/checked/v1",
      "--predicate",
      "package-lock.json",
      "oci:out",
    ];
    expect(await work.lading(attest, key)).toMatchObject({ status: 0 });

    const { status, stdout } = await work.lading(["inspect", "oci:out"]);

    expect(status).toBe(0);
    expect(stdout).toMatch(/\n6 attestations as they say of themselves; .*\n/);
    expect(stdout).toMatch(/\n {2}https:\/\/cyclonedx\.org\/bom +lading \S+ +unsigned *\n/);
    expect(stdout).toMatch(/\n {2}https:\/\/spdx\.dev\/Document +lading-\S+ +unsigned *\n/);
    expect(stdout).toMatch(
      /\n {2}https:\/\/slsa\.dev\/provenance\/v1 +https:\/\/www\.npmjs\.com\/package\/lading +unsigned *\n/,
    );
    // One signature, in both forms.
    expect(stdout).toMatch(/\n {2}https:\/\/acme\.example\/checked\/v1 +signed *\n/);
    expect(stdout).toMatch(/\n {2}https:\/\/acme\.example\/checked\/v1 +signed, at a tag *\n/);
  });

  test("show what BuildKit attested, of the platform that is looked at", async () => {
    await using at = await buildkitPlaces();
    const { images } = at.image;
    for (const place of at.places)
      for (const [number, platform] of ["linux/amd64", "linux/arm64"].entries()) {
        const one = [...place, "--platform", platform];
        const { stdout } = await at.work.lading(["inspect", ...one]);
        expect(stdout).toMatch(/\n2 attestations as they say of themselves; .*\n/);
        expect(stdout).toMatch(
          /\n {2}https:\/\/spdx\.dev\/Document +syft-v1\.4\.1, buildkit-v0\.13\.0 +unsigned, in the index *\n/,
        );
        const json = JSON.parse((await at.work.lading(["inspect", "--json", ...one])).stdout);
        const subject = images[number]?.descriptor.digest;
        expect(json).toMatchObject({
          image: {
            attestations: [
              { subject, attached: "index", signed: false, predicateType: spdx },
              { subject, predicateType: slsa, maker: expect.stringContaining("github.com/moby/buildkit") },
            ],
          },
        });
        const referrers = await at.work.lading(["referrers", ...one]);
        expect(referrers.stdout).toMatch(
          new RegExp(`^sha256:\\S+ +BuildKit attestation +\\S+ \\S+ +of ${platform}\\n$`),
        );
      }
    const all = await at.work.lading(["referrers", "oci-archive:copy.tar", "--json"]);
    expect(JSON.parse(all.stdout)).toMatchObject({
      referrers: [{}, { annotations: { "vnd.docker.reference.type": "attestation-manifest" } }],
    });
  });

  test("tell of what is about another image, and of what is no statement, without being led astray by it", async () => {
    await using at = await buildkitPlaces(({ digest }) => [
      ...buildkitStatements({ digest: `sha256:${"0".repeat(64)}`, mediaType: "", size: 0 }).slice(0, 1),
      { content: "{", predicateType: spdx },
      {
        content: {
          _type: "https://in-toto.io/Statement/v0.1",
          predicateType: "https://example.org/\u001b[31mred",
          subject: [{ digest: { sha256: digestHex(digest) } }],
          predicate: { builder: { id: "\u001b]0;title\u0007" } },
        },
      },
    ]);
    for (const place of at.places) {
      const { status, stdout } = await at.work.lading(["inspect", ...place]);

      expect(status).toBe(0);
      expect(stdout).toContain(`it is about something else: sha256:${"0".repeat(64)}`);
      expect(stdout).toMatch(/\n {2}unknown +unsigned, in the index +Cannot .*JSON.*\n/);
      expect(stdout).toContain("https://example.org/\\x1b[31mred");
      // eslint-disable-next-line no-control-regex
      expect(stdout).not.toMatch(/[\u0007\u001b]/);
    }
  });

  test("say nothing of attestations where there are none", async () => {
    await using work = await workspace(files);
    await work.lading(["build", "-q", "-o", "docker-archive:plain.tar", "-t", "app:1", "--platform", "linux/amd64"]);

    const { stdout } = await work.lading(["inspect", "docker-archive:plain.tar"]);
    const json = await work.lading(["inspect", "--json", "docker-archive:plain.tar"]);

    expect(stdout).not.toContain("attestation");
    expect(JSON.parse(json.stdout)).toMatchObject({ image: { attestations: [] } });
  });
});
