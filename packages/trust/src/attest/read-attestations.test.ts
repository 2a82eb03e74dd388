import {
  attestationManifestsOf,
  type Descriptor,
  firstOf,
  isAttestation,
  MemoryStore,
  parseIndex,
  readBlob,
  type Source,
} from "@lading/oci";
import { buildkitImage, type BuildkitStatement, buildkitStatements, randomImage } from "@lading/testkit";
import { expect, test } from "vitest";
import { attach } from "../attach/artifact.ts";
import { generateSigningKey } from "../keys/signing-key.ts";
import { keySigner } from "../sign/authorities.ts";
import type { ImageSigner } from "../sign/image-signer.ts";
import { attestImage } from "./attest-image.ts";
import { provenanceType } from "./provenance.ts";
import { readAttestations } from "./read-attestations.ts";
import { type Statement, statementOf } from "./statement.ts";

const spdx = "https://spdx.dev/Document";
const bom = "https://cyclonedx.org/bom";

/** What is said of an image, and of the index that it is in. */
async function said(source: Source, image: Descriptor, index?: Descriptor) {
  return await readAttestations(source, await attestationManifestsOf(source, image, { index }));
}

/** What is said of the only image of an index whose attestation manifest has these layers. */
async function saidBy(statements: (image: Descriptor) => readonly BuildkitStatement[]) {
  const { source, descriptor, images } = await buildkitImage(["linux/amd64"], statements);
  return await said(source, images[0]?.descriptor ?? descriptor, descriptor);
}

test("statements of our own are read, from the image and from its index, signed or not; signatures are none", async () => {
  const { source, descriptor: index, images } = await randomImage({ platforms: ["linux/amd64", "linux/arm64"] });
  const [{ descriptor: image } = { descriptor: index }, { descriptor: other } = { descriptor: index }] = images;
  const signer = keySigner(generateSigningKey());
  const attested = async (subject: Descriptor, statement: Statement, by?: ImageSigner): Promise<Descriptor> => {
    const artifacts = await attestImage(subject, [statement], source, { signer: by, forms: ["bundle"] });
    await attach(source, artifacts);
    return artifacts[0]?.descriptor ?? subject;
  };
  const tools = { components: [{ name: "lading", version: "1.0.0" }] };
  const sbom = await attested(image, statementOf([image], bom, { metadata: { tools } }));
  await attested(other, statementOf([other], bom, {}));
  const predicate = { runDetails: { builder: { id: "https://acme.example/ci" } } };
  const provenance = await attested(index, statementOf([index, image], provenanceType, predicate), signer);
  await attested(image, statementOf([image], "https://sigstore.dev/cosign/sign/v1", {}), signer);

  expect(await said(source, image, index)).toEqual([
    {
      subject: image.digest,
      attached: "subject",
      manifest: sbom.digest,
      signed: false,
      predicateType: bom,
      maker: "lading 1.0.0",
    },
    {
      subject: index.digest,
      attached: "subject",
      manifest: provenance.digest,
      signed: true,
      predicateType: provenanceType,
      maker: "https://acme.example/ci",
    },
  ]);
  expect(await said(source, image)).toHaveLength(1);
});

test("statements of BuildKit are read, of the image that they are about", async () => {
  const { source, descriptor: index, images } = await buildkitImage(["linux/amd64", "linux/arm64"]);
  const { manifests } = parseIndex(await readBlob(source.blob(index)));

  for (const [at, { descriptor: image }] of images.entries()) {
    const common = {
      subject: image.digest,
      attached: "index",
      manifest: manifests.filter(isAttestation)[at]?.digest,
      signed: false,
    };
    expect(await said(source, image, index)).toEqual([
      { ...common, predicateType: spdx, maker: "syft-v1.4.1, buildkit-v0.13.0" },
      {
        ...common,
        predicateType: provenanceType,
        maker: "https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md",
      },
    ]);
  }
});

test("a signed statement beside an image in its index is read as well", async () => {
  const found = await saidBy((image) => {
    const [sbom] = buildkitStatements(image);
    const payload = Buffer.from(JSON.stringify(sbom?.content)).toString("base64");
    return [
      {
        content: { payload, payloadType: "application/vnd.in-toto+json", signatures: [{ sig: "" }] },
        mediaType: "application/vnd.in-toto.spdx+dsse",
      },
    ];
  });

  expect(found).toMatchObject([{ signed: true, predicateType: spdx }]);
});

test("what is about another image, or announced as something else, is said to be so", async () => {
  const elsewhere = { digest: `sha256:${"0".repeat(64)}` as const, mediaType: "", size: 0 };

  const found = await saidBy((image) => [
    ...buildkitStatements(elsewhere).slice(0, 1),
    ...buildkitStatements(image)
      .slice(0, 1)
      .map(({ content }) => ({ content, predicateType: bom })),
    { content: { _type: "https://in-toto.io/Statement/v1", predicateType: bom, subject: [], predicate: {} } },
  ]);

  expect(found.map(({ predicateType, problem }) => [predicateType, problem])).toEqual([
    [spdx, `it is about something else: ${elsewhere.digest}`],
    [spdx, `it is announced as ${bom}`],
    [bom, "it is about something else: no subject"],
  ]);
});

test.each([
  ["{", "application/vnd.in-toto+json", /JSON/],
  [[], "application/vnd.in-toto+json", /^Cannot read in-toto statement/],
  [{ _type: "https://example.org/Statement" }, "application/vnd.in-toto+json", /^Cannot read in-toto statement/],
  ['{"_type":1,"_type":2}', "application/vnd.in-toto+json", /twice|duplicate/i],
  [
    { payload: "", payloadType: "text/plain" },
    "application/vnd.dsse.envelope.v1+json",
    /^Cannot read the envelope: it holds no statement/,
  ],
  [
    { messageSignature: {} },
    "application/vnd.dev.sigstore.bundle.v0.3+json",
    /^Cannot read the bundle: it holds no statement/,
  ],
])("a statement that is %j is told of, with why it cannot be read", async (content, mediaType, words) => {
  const found = await saidBy((image) => [{ content, mediaType }, ...buildkitStatements(image).slice(0, 1)]);

  expect(found).toMatchObject([{ problem: expect.stringMatching(words) }, { predicateType: spdx }]);
  expect(found[0]).not.toHaveProperty("predicateType");
});

test("predicates that are nothing like what they are called have no maker, and do no harm", async () => {
  const found = await saidBy(({ digest }) =>
    [
      null,
      [],
      "text",
      { runDetails: 1, metadata: { tools: "x" }, creationInfo: { creators: [1] } },
      { builder: { id: 5 } },
    ].map((predicate) => ({
      content: {
        _type: "https://in-toto.io/Statement/v1",
        predicateType: bom,
        subject: [{ digest: { sha256: digest.slice(7) } }],
        predicate,
      },
    })),
  );

  expect(found).toHaveLength(5);
  for (const one of found) {
    expect(one).not.toHaveProperty("maker");
    expect(one).not.toHaveProperty("problem");
  }
});

test("a manifest that is not there, or whose statement is not, is told of", async () => {
  const { source, descriptor: index, images } = await buildkitImage(["linux/amd64"]);
  const [image = index] = images.map(({ descriptor }) => descriptor);
  const { manifests } = parseIndex(await readBlob(source.blob(index)));
  // A copy without the attestations, as of old tools.
  const partial = new MemoryStore();
  for (const one of [index, image])
    await partial.write(
      (async function* once() {
        yield await readBlob(source.blob(one));
      })(),
      one.mediaType,
    );

  const found = await said(firstOf(partial), image, index);

  expect(found).toMatchObject([{ manifest: manifests.at(-1)?.digest, problem: expect.stringMatching(/^Cannot find/) }]);
});

test("who attests without end is stopped", async () => {
  const found = saidBy((image) => Array.from({ length: 1001 }, () => buildkitStatements(image).slice(0, 1)).flat());

  await expect(found).rejects.toThrow(/more than 1000 attestations$/);
});
