import { copy, cosignTag, type Descriptor, MemoryStore, mediaTypes, parseManifest, readBlob } from "@lading/oci";
import { cases, randomImage } from "@lading/testkit";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { type Artifact, attach } from "../attach/artifact.ts";
import { generateSigningKey } from "../keys/signing-key.ts";
import { verifyImage } from "../verify/verify-image.ts";
import { keySigner } from "./authorities.ts";
import { signImage, type SignImageOptions } from "./sign-image.ts";

const key = generateSigningKey();
const signer = keySigner(key);
const trust = { keys: [key.publicKey] };

const text = (name: string): string => readFileSync(cases?.path(`cosign-made/${name}`) ?? "", "utf8");
const parts = (json: string): readonly string[] => json.split(/(?<="(?:hint|sig)":")[^"]*/);

async function signed(
  options?: SignImageOptions,
): Promise<{ readonly store: MemoryStore; readonly image: Descriptor }> {
  const store = new MemoryStore();
  const image = await randomImage();
  await copy(image.source, store, image.descriptor);
  await attach(store, await signImage(signer, image.descriptor, store, options));
  return { store, image: image.descriptor };
}

test("a signature has both forms, and both are verified", async () => {
  const { store, image } = await signed({ references: ["ghcr.io/acme/app:1"], annotations: { commit: "abc" } });
  const { digest, signatures, rejected } = await verifyImage(store, image, { trust, annotations: { commit: "abc" } });
  expect({ digest, rejected }).toEqual({ digest: image.digest, rejected: [] });
  expect(signatures.map(({ form }) => form)).toEqual(["bundle", "tag"]);
  expect(signatures[1]?.claim.reference).toBe("ghcr.io/acme/app:1");
});

test("what was not signed along is missing, and what was is not taken for something else", async () => {
  const { store, image } = await signed({ annotations: { commit: "abc" } });
  for (const [annotations, detail] of [
    [{ commit: "def" }, "it was signed with commit=abc"],
    [{ branch: "main" }, "it was not signed with branch"],
    [{ toString: "x" }, "it was not signed with toString"],
  ] as const)
    await expect(verifyImage(store, image, { trust, annotations })).rejects.toMatchObject({
      rejected: [
        { reason: "ANNOTATIONS", detail },
        { reason: "ANNOTATIONS", detail },
      ],
    });
});

test.runIf(cases !== undefined)(
  "what is written has the bytes that cosign writes, but for keys and signatures",
  async () => {
    const subject: Descriptor = {
      mediaType: mediaTypes.ociManifest,
      digest: "sha256:404524e51580408dbd66a47ee45cd367e0de2a9e4733f5f73b61b8078e5c49c6",
      size: 192,
    };
    const [bundle, tag] = await signImage(signer, subject, new MemoryStore(), {
      references: ["127.0.0.1:5999/t/v2"],
      created: new Date("2026-11-23T02:41:31Z"),
    });
    if (bundle === undefined || tag === undefined) throw new Error("Cannot find both forms");

    const signatures = await layersOf(tag);
    expect(signatures.layers[0]?.text).toBe(text("v2-payload.json"));
    const one = signatures.layers[0]?.descriptor.annotations?.["dev.cosignproject.cosign/signature"] ?? "";
    const theirs = "MEYCIQDoRofhLDMEvXTzlfR1ZOPWSSbturyHYyUNZg0IW0M2aAIhAItJCiQ10F3uub94GeG3mwnnDVBCDaTePjgnDrPHjvz7";
    expect(signatures.manifest.replace(one, theirs)).toBe(text("v2-sig-manifest.json"));

    const { layers, manifest } = await layersOf(bundle);
    expect(parts(layers[0]?.text ?? "")).toEqual(parts(text("v3-bundle.sigstore.json")));
    const { artifactType, annotations, subject: of } = parseManifest(Buffer.from(manifest));
    expect(parseManifest(Buffer.from(text("v3-bundle-manifest.json")))).toMatchObject({
      artifactType,
      annotations,
      subject: of,
    });
  },
);

test("signatures that are there already stay", async () => {
  const { store, image } = await signed();
  const other = generateSigningKey();
  await attach(store, await signImage(keySigner(other), image, store));
  for (const keys of [[key.publicKey], [other.publicKey]]) {
    const { signatures, rejected } = await verifyImage(store, image, { trust: { keys } });
    expect(signatures).toHaveLength(2);
    expect(rejected.map(({ reason }) => reason)).toEqual(["SIGNATURE", "SIGNATURE"]);
  }
  const both = await verifyImage(store, image, { trust: { keys: [other.publicKey, key.publicKey] } });
  expect(both.signatures).toHaveLength(4);
});

test("a bad signature beside a good one does no harm, and is told", async () => {
  const { store, image } = await signed();
  const [bundle] = await signImage(signer, image, store, { forms: ["bundle"] });
  if (bundle === undefined) throw new Error("Cannot find the bundle");
  const manifest = parseManifest(await readBlob(bundle.source.blob(bundle.descriptor)));
  const [layer = image] = manifest.layers;
  const changed = Buffer.from(await readBlob(bundle.source.blob(layer)))
    .toString()
    .replace(/"sig":"(.{8})../, '"sig":"$1AA');
  const bad = await store.write(once(changed), layer.mediaType);
  await store.keep(await store.write(once(JSON.stringify({ ...manifest, layers: [bad] })), mediaTypes.ociManifest));

  const { signatures, rejected } = await verifyImage(store, image, { trust });

  expect(signatures).toHaveLength(2);
  expect(rejected).toMatchObject([{ digest: bad.digest, form: "bundle", reason: "SIGNATURE" }]);
});

test("signatures of one image say nothing of another", async () => {
  const { store, image } = await signed();
  const other: Descriptor = { ...image, digest: `sha256:${"0".repeat(64)}` };
  const found = await store.resolve(cosignTag(image.digest, "sig"));
  await store.tag(found, cosignTag(other.digest, "sig"));
  await expect(verifyImage(store, other, { trust })).rejects.toMatchObject({
    rejected: [{ form: "tag", reason: "SUBJECT" }],
  });
  await expect(verifyImage(new MemoryStore(), image, { trust })).rejects.toThrow(
    `Cannot verify ${image.digest}: no signature was found`,
  );
});

async function layersOf({ source, descriptor }: Artifact): Promise<{
  readonly manifest: string;
  readonly layers: readonly { readonly descriptor: Descriptor; readonly text: string }[];
}> {
  const bytes = await readBlob(source.blob(descriptor));
  const layers = await Promise.all(
    parseManifest(bytes).layers.map(async (layer) => ({
      descriptor: layer,
      text: Buffer.from(await readBlob(source.blob(layer))).toString(),
    })),
  );
  return { manifest: Buffer.from(bytes).toString(), layers };
}

async function* once(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}
