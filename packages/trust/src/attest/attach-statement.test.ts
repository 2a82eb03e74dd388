import { digestHex, MemoryStore, parseManifest, readBlob, referrersOf } from "@lading/oci";
import { randomImage, schemaErrors } from "@lading/testkit";
import { expect, test } from "vitest";
import { attachStatement } from "./attach-statement.ts";
import { statementOf } from "./statement.ts";

const type = "https://example.org/checked/v1";

async function jsonOf(store: MemoryStore, descriptor: Parameters<MemoryStore["blob"]>[0]): Promise<unknown> {
  return JSON.parse(Buffer.from(await readBlob(store.blob(descriptor))).toString());
}

test("a statement refers to its image, and says of what kind it is in the words of BuildKit", async () => {
  const { source, descriptor } = await randomImage();
  const statement = statementOf([descriptor], type, { by: "me" }, "ghcr.io/acme/app");

  const attached = await attachStatement(source, descriptor, statement);

  expect(await referrersOf(source, descriptor)).toEqual([{ descriptor: attached }]);
  expect(attached).toMatchObject({
    artifactType: "application/vnd.in-toto+json",
    annotations: { "in-toto.io/predicate-type": type },
  });
  const manifest = await jsonOf(source, attached);
  expect(schemaErrors("manifest", manifest) ?? "").toBe("");
  expect(manifest).toMatchObject({
    subject: { mediaType: descriptor.mediaType, digest: descriptor.digest, size: descriptor.size },
    config: { mediaType: "application/vnd.oci.empty.v1+json", size: 2 },
    layers: [{ mediaType: "application/vnd.in-toto+json", annotations: { "in-toto.io/predicate-type": type } }],
  });
  const [layer = descriptor] = parseManifest(await readBlob(source.blob(attached))).layers;
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

  const attached = await attachStatement(source, descriptor, statement, {
    sign: async (bytes) => {
      signed = Buffer.from(bytes).toString();
      return Buffer.from("a bundle");
    },
    created: new Date("2026-01-02T03:04:05.678Z"),
  });

  expect(signed).toBe(JSON.stringify(statement));
  expect(await jsonOf(source, attached)).toMatchObject({
    artifactType: "application/vnd.dev.sigstore.bundle.v0.3+json",
    layers: [{ mediaType: "application/vnd.dev.sigstore.bundle.v0.3+json", size: 8 }],
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

  const first = await attachStatement(source, descriptor, statement);
  const second = await attachStatement(source, descriptor, statement);

  expect(second).toEqual(first);
  expect(await referrersOf(source, descriptor)).toHaveLength(1);
});

test("a statement about something else is not attached", async () => {
  const { source, descriptor } = await randomImage();
  const { descriptor: other } = await randomImage();

  await expect(attachStatement(source, descriptor, statementOf([other], type, {}))).rejects.toThrow(
    `Cannot attach a statement to ${descriptor.digest}: it is about something else`,
  );
  expect(await referrersOf(source, descriptor)).toEqual([]);
});
