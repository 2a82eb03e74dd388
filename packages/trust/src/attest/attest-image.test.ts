import { readFileSync } from "node:fs";
import {
  cosignTag,
  type Descriptor,
  digestHex,
  mediaTypes,
  MemoryStore,
  parseManifest,
  readBlob,
  referrersOf,
} from "@lading/oci";
import { cases, randomImage, schemaErrors } from "@lading/testkit";
import { expect, test } from "vitest";
import { z } from "zod";
import { attach } from "../attach/artifact.ts";
import { generateSigningKey } from "../keys/signing-key.ts";
import { keySigner } from "../sign/authorities.ts";
import type { ImageSigner } from "../sign/image-signer.ts";
import { verifyImage } from "../verify/verify-image.ts";
import { attestImage, type AttestOptions } from "./attest-image.ts";
import { type Statement, statementOf } from "./statement.ts";

const type = "https://example.org/checked/v1";
const key = generateSigningKey();
const signer = keySigner(key);
const created = new Date("2026-01-02T03:04:05.678Z");

/** Attaches what a statement comes to; the descriptor of the first thing. */
async function attested(
  store: MemoryStore,
  subject: Descriptor,
  statement: Statement,
  options?: AttestOptions,
): Promise<Descriptor> {
  const artifacts = await attestImage(subject, [statement], store, options);
  await attach(store, artifacts);
  const [first] = artifacts;
  if (first === undefined) throw new Error("Cannot find what was attached");
  return first.descriptor;
}

async function textOf(store: MemoryStore, descriptor: Descriptor): Promise<string> {
  return Buffer.from(await readBlob(store.blob(descriptor))).toString();
}

async function jsonOf(store: MemoryStore, descriptor: Descriptor): Promise<unknown> {
  return JSON.parse(await textOf(store, descriptor));
}

test("a statement refers to its image, and says of what kind it is in the words of BuildKit", async () => {
  const { source, descriptor } = await randomImage();
  const statement = statementOf([descriptor], type, { by: "me" }, "ghcr.io/acme/app");

  const artifact = await attested(source, descriptor, statement);

  expect(await referrersOf(source, descriptor)).toEqual([{ descriptor: artifact }]);
  expect(artifact).toMatchObject({
    artifactType: "application/vnd.in-toto+json",
    annotations: { "in-toto.io/predicate-type": type },
  });
  const manifest = await jsonOf(source, artifact);
  expect(schemaErrors("manifest", manifest) ?? "").toBe("");
  expect(manifest).toMatchObject({
    subject: { mediaType: descriptor.mediaType, digest: descriptor.digest, size: descriptor.size },
    config: { mediaType: "application/vnd.oci.empty.v1+json", size: 2 },
    layers: [{ mediaType: "application/vnd.in-toto+json", annotations: { "in-toto.io/predicate-type": type } }],
  });
  const [layer = descriptor] = parseManifest(await readBlob(source.blob(artifact))).layers;
  expect(await jsonOf(source, layer)).toEqual({
    _type: "https://in-toto.io/Statement/v1",
    subject: [{ name: "ghcr.io/acme/app", digest: { sha256: digestHex(descriptor.digest) } }],
    predicateType: type,
    predicate: { by: "me" },
  });
});

test("a signed statement is a bundle in cosign's words, of just the statement's bytes", async () => {
  const { source, descriptor } = await randomImage();
  const statement = statementOf([descriptor], type, {});
  let signed = "";
  const watched: ImageSigner = {
    ...signer,
    statement: async (bytes) => {
      signed = Buffer.from(bytes).toString();
      return await signer.statement(bytes);
    },
  };

  const artifact = await attested(source, descriptor, statement, { signer: watched, created });

  expect(signed).toBe(JSON.stringify(statement));
  expect(await jsonOf(source, artifact)).toMatchObject({
    artifactType: "application/vnd.dev.sigstore.bundle.v0.3+json",
    layers: [{ mediaType: "application/vnd.dev.sigstore.bundle.v0.3+json" }],
    annotations: {
      "dev.sigstore.bundle.content": "dsse-envelope",
      "dev.sigstore.bundle.predicateType": type,
      "org.opencontainers.image.created": "2026-01-02T03:04:05Z",
    },
  });
});

test("the same statement is the same manifest", async () => {
  const { source, descriptor } = await randomImage();
  const statement = statementOf([descriptor], type, {});

  const first = await attested(source, descriptor, statement);
  const second = await attested(source, descriptor, statement);

  expect(second).toEqual(first);
  expect(await referrersOf(source, descriptor)).toHaveLength(1);
});

test("a statement about something else is not attached", async () => {
  const { source, descriptor } = await randomImage();
  const { descriptor: other } = await randomImage();

  await expect(attestImage(descriptor, [statementOf([other], type, {})], source)).rejects.toThrow(
    `Cannot attest anything of ${descriptor.digest}: a statement is about something else`,
  );
});

test("both forms are of one signature, and both are verified", async () => {
  const { source, descriptor } = await randomImage();
  await attested(source, descriptor, statementOf([descriptor], type, { by: "me" }), { signer });

  const { signatures, rejected } = await verifyImage(source, descriptor, {
    trust: { keys: [key.publicKey] },
    predicateType: type,
  });

  expect(signatures.map(({ form, claim }) => [form, claim.predicate])).toEqual([
    ["bundle", { by: "me" }],
    ["tag", { by: "me" }],
  ]);
  expect(rejected).toEqual([]);
});

test("what was attested at the tag before stays, and what is attested at once is there together", async () => {
  const { source, descriptor } = await randomImage();
  const forms = ["tag"] as const;
  await attested(source, descriptor, statementOf([descriptor], type, {}), { signer, forms });
  const two = [`${type}#a`, `${type}#b`].map((each) => statementOf([descriptor], each, {}));
  await attach(source, await attestImage(descriptor, two, source, { signer, forms }));

  expect((await referrersOf(source, descriptor)).map(({ tag }) => tag)).toEqual([cosignTag(descriptor.digest, "att")]);
  for (const predicateType of [type, `${type}#a`, `${type}#b`]) {
    const { signatures } = await verifyImage(source, descriptor, { trust: { keys: [key.publicKey] }, predicateType });
    expect(signatures).toHaveLength(1);
  }
});

const envelopeSchema = z.object({ payload: z.string() });
const predicateSchema = z.object({ predicateType: z.string(), predicate: z.record(z.string(), z.unknown()) });

function withoutSignature(text: string): string {
  return text.replace(/(?<="sig":")[^"]*/, "");
}

test.runIf(cases !== undefined)("what is at the tag has the bytes that cosign writes, but for signatures", async () => {
  const layout = "cosign-made/cosign-save-legacy/blobs/sha256";
  const made = (hex: string): string => readFileSync(cases?.path(`${layout}/${hex}`) ?? "", "utf8");
  const theirs = made("b01bfe53d9d480f44ffb7b3ef219cc3f9ff686a4a81e831184c275b5134c2421");
  const subject: Descriptor = {
    mediaType: mediaTypes.ociManifest,
    digest: "sha256:404524e51580408dbd66a47ee45cd367e0de2a9e4733f5f73b61b8078e5c49c6",
    size: 192,
  };
  const { payload } = envelopeSchema.parse(JSON.parse(theirs));
  const { predicateType, predicate } = predicateSchema.parse(JSON.parse(Buffer.from(payload, "base64").toString()));
  const statement = statementOf([subject], predicateType, predicate, "127.0.0.1:5999/n/bundle");

  const [artifact] = await attestImage(subject, [statement], new MemoryStore(), { signer, forms: ["tag"] });

  if (artifact === undefined) throw new Error("Cannot find the artifact");
  const { source, descriptor, tag } = artifact;
  expect(tag).toBe(`${subject.digest.replace(":", "-")}.att`);
  const manifest = Buffer.from(await readBlob(source.blob(descriptor)));
  const { layers } = parseManifest(manifest);
  const [layer = subject] = layers;
  const envelope = Buffer.from(await readBlob(source.blob(layer))).toString();
  expect(withoutSignature(envelope)).toBe(withoutSignature(theirs));
  expect(JSON.parse(manifest.toString())).toMatchObject({
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: { mediaType: mediaTypes.ociConfig, size: 233 },
    layers: [
      {
        mediaType: "application/vnd.dsse.envelope.v1+json",
        annotations: { "dev.cosignproject.cosign/signature": "", predicateType },
      },
    ],
  });
});
