import { readFileSync } from "node:fs";
import { type Descriptor, digestOf, LayoutStore, mediaTypes, MemoryStore, parseManifest, readBlob } from "@lading/oci";
import { cases } from "@lading/testkit";
import { describe, expect, test } from "vitest";
import { readPublicKeys } from "../keys/public-key.ts";
import { parsePredicateType } from "../attest/predicate-type.ts";
import { readTrustedRoot } from "./trusted-root.ts";
import { verifyImage } from "./verify-image.ts";

// What cosign 2.5 and 3.1 wrote, byte for byte.

const root = "cosign-made";
const text = (name: string): string => readFileSync(cases?.path(`${root}/${name}`) ?? "", "utf8");
const subject: Descriptor = {
  mediaType: mediaTypes.ociManifest,
  digest: "sha256:404524e51580408dbd66a47ee45cd367e0de2a9e4733f5f73b61b8078e5c49c6",
  size: 192,
};

async function* once(bytes: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(bytes);
}

/** A store with documents as they were in cosign's registry. */
async function storeOf(
  documents: readonly { readonly text: string; readonly tag?: string }[],
  layers: readonly string[],
) {
  const store = new MemoryStore();
  for (const layer of layers) await store.write(once(layer), "application/octet-stream");
  for (const { text: document, tag } of documents) {
    const descriptor = await store.write(once(document), mediaTypes.ociManifest);
    await (tag === undefined ? store.keep(descriptor) : store.tag(descriptor, tag));
  }
  return store;
}

const tag = `${subject.digest.replace(":", "-")}.sig`;

describe.runIf(cases !== undefined)("of cosign's", () => {
  const trust = { keys: cases === undefined ? [] : readPublicKeys(text("cosign.pub"), "cosign.pub") };

  test("a signature at a tag is accepted, with the name that was signed", async () => {
    const store = await storeOf([{ text: text("v2-sig-manifest.json"), tag }], [text("v2-payload.json")]);
    const { signatures } = await verifyImage(store, subject, { trust });
    expect(signatures).toMatchObject([{ form: "tag", claim: { reference: "127.0.0.1:5999/t/v2" } }]);
  });

  test("another image of the same key is refused", async () => {
    const other: Descriptor = { ...subject, digest: `sha256:5${subject.digest.slice(8)}` };
    const store = await storeOf(
      [{ text: text("v2-sig-manifest.json"), tag: tag.replace("sha256-4", "sha256-5") }],
      [text("v2-payload.json")],
    );
    await expect(verifyImage(store, other, { trust })).rejects.toMatchObject({
      code: "NOT_VERIFIED",
      rejected: [{ reason: "SUBJECT" }],
    });
  });

  test("a flipped byte of the payload is refused: by its digest, and where that was changed too, by the signature", async () => {
    const changed = text("v2-payload.json").replace("/t/v2", "/t/v3");
    const manifest = text("v2-sig-manifest.json");
    const store = await storeOf([{ text: manifest, tag }], [changed]);
    await expect(verifyImage(store, subject, { trust })).rejects.toMatchObject({ rejected: [{ reason: "CONTENT" }] });

    const fitting = manifest.replace(parseManifest(Buffer.from(manifest)).layers[0]?.digest ?? "", digestOf(changed));
    const other = await storeOf([{ text: fitting, tag }], [changed]);
    await expect(verifyImage(other, subject, { trust })).rejects.toMatchObject({ rejected: [{ reason: "SIGNATURE" }] });
  });

  test("a payload without its signature is refused", async () => {
    const manifest = text("v2-sig-manifest.json").replace("dev.cosignproject.cosign/signature", "x");
    const store = await storeOf([{ text: manifest, tag }], [text("v2-payload.json")]);
    await expect(verifyImage(store, subject, { trust })).rejects.toMatchObject({ rejected: [{ reason: "MALFORMED" }] });
  });

  test("a bundle is accepted, and refused where a log is asked for", async () => {
    const store = await storeOf([{ text: text("v3-bundle-manifest.json") }], [text("v3-bundle.sigstore.json"), "{}"]);
    const { signatures } = await verifyImage(store, subject, { trust });
    expect(signatures).toMatchObject([{ form: "bundle", signatory: { key: { hint: trust.keys[0]?.hint } } }]);

    const trustedRoot = readTrustedRoot(
      JSON.stringify({ mediaType: "application/vnd.dev.sigstore.trustedroot+json;version=0.1" }),
      "root.json",
    );
    await expect(verifyImage(store, subject, { trust: { ...trust, trustedRoot } })).rejects.toMatchObject({
      rejected: [{ reason: "LOG", detail: "expected 1 tlog entries, got 0" }],
    });
  });

  test.each([
    ["v3-attest-8d7f6b1e.sigstore.json", "cyclonedx"],
    ["v3-attest-c7fac25a.sigstore.json", "slsaprovenance1"],
  ])("%s is an attestation, and no signature", async (name, type) => {
    const bundle = text(name);
    const manifest = text("v3-bundle-manifest.json")
      .replace("sha256:dc29587f9b0eb04c0f6adc581580a55c06525178c828806efeff274e2df16d28", digestOf(bundle))
      .replace('"size":659', `"size":${Buffer.byteLength(bundle)}`);
    const store = await storeOf([{ text: manifest }], [bundle, "{}"]);
    await expect(verifyImage(store, subject, { trust })).rejects.toMatchObject({ rejected: [{ reason: "TYPE" }] });

    const { signatures } = await verifyImage(store, subject, { trust, predicateType: parsePredicateType(type) });

    expect(signatures).toHaveLength(1);
  });

  test("a layout of `cosign save` has four statements, none of which it lists", async () => {
    const layout = await LayoutStore.open(cases?.path(`${root}/cosign-save-v3-bundles`) ?? "");
    for (const predicateType of [undefined, "slsaprovenance1", "cyclonedx", "spdx"].map((type) =>
      type === undefined ? undefined : parsePredicateType(type),
    )) {
      const { signatures } = await verifyImage(layout, await layout.resolve(""), { trust, predicateType });
      expect(signatures).toHaveLength(1);
    }
  });

  test("an older layout of `cosign save` has its signature and its attestation", async () => {
    const layout = await LayoutStore.open(cases?.path(`${root}/cosign-save-legacy`) ?? "");
    const image = await layout.resolve("");
    expect(image.digest).toBe(subject.digest);
    const signed = await verifyImage(layout, image, { trust });
    expect(signed.signatures).toMatchObject([{ form: "tag" }]);
    const atts = await layout.resolve(tag.replace(".sig", ".att"));
    const { layers } = parseManifest(await readBlob(layout.blob(atts)));
    const predicateType = layers[0]?.annotations?.["predicateType"];
    const attested = await verifyImage(layout, image, { trust, predicateType });
    expect(attested.signatures).toMatchObject([{ form: "tag", claim: { predicateType } }]);
  });
});
