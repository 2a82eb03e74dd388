import { copy, cosignTag, MemoryStore, parseManifest, readBlob } from "@lading/oci";
import { identityToken, randomImage, startSigstore } from "@lading/testkit";
import { expect, test } from "vitest";
import { attach } from "../attach/artifact.ts";
import { generateSigningKey } from "../keys/signing-key.ts";
import { readTrustedRoot } from "../verify/trusted-root.ts";
import { verifyImage } from "../verify/verify-image.ts";
import { keylessSigner, keySigner } from "./authorities.ts";
import { signImage } from "./sign-image.ts";
import { readSigningConfig, type SigningConfigOptions } from "./signing-config.ts";

const mediaType = "application/vnd.dev.sigstore.signingconfig.v0.2+json";
const always = { start: "2020-01-01T00:00:00Z" };
const any = { selector: "ANY" };
const service = (url: string, majorApiVersion = 1, validFor: object = always): object => ({
  url,
  majorApiVersion,
  validFor,
  operator: "acme.example",
});
const read = (config: object, options?: SigningConfigOptions): unknown =>
  readSigningConfig(JSON.stringify({ mediaType, ...config }), "config.json", options);

test("of services the newest that counts now and is known is taken", () => {
  expect(
    read({
      caUrls: [service("https://old.example", 1), service("https://ca.example", 1, { start: "2024-01-01T00:00:00Z" })],
      rekorTlogUrls: [
        service("https://next.example", 3),
        service("https://log2.example", 2),
        service("https://ended.example", 2, { ...always, end: "2021-01-01T00:00:00Z" }),
        service("https://soon.example", 2, { start: "2999-01-01T00:00:00Z" }),
        service("https://log1.example", 1, { start: "2025-01-01T00:00:00Z" }),
      ],
      rekorTlogConfig: any,
      tsaUrls: [service("https://tsa.example/api/v1/timestamp")],
      tsaConfig: { selector: "EXACT", count: 1 },
    }),
  ).toEqual({
    fulcioUrl: "https://ca.example",
    rekorUrl: "https://log2.example",
    rekorVersion: 2,
    timestampUrl: "https://tsa.example/api/v1/timestamp",
  });
  // What cosign is given where there is no network.
  expect(read({ rekorTlogConfig: {}, tsaConfig: {} })).toEqual({ rekorVersion: 1 });
});

test("a key takes a log of version 1, also beside newer ones, and needs no certificate authority", () => {
  const config = {
    caUrls: [service("https://ca.example", 9)],
    rekorTlogUrls: [service("https://log2.example", 2), service("https://log1.example", 1)],
    rekorTlogConfig: any,
  };
  expect(read(config, { keyless: false })).toEqual({ rekorUrl: "https://log1.example", rekorVersion: 1 });
  expect(() => read(config)).toThrow("none of its certificate authorities counts now");
});

test("the newest is that which began last, in whatever zone that is written", () => {
  const early = service("https://early.example", 1, { start: "2024-01-01T10:00:00+10:00" });
  const late = service("https://late.example", 1, { start: "2024-01-01T09:00:00Z" });
  for (const caUrls of [
    [early, late],
    [late, early],
  ])
    expect(read({ caUrls })).toMatchObject({ fulcioUrl: "https://late.example" });
});

test.each([
  [{ mediaType: "application/json" }, "Cannot read config.json: mediaType"],
  [{ rekorTlogConfig: { selector: "ALL" } }, "Cannot read config.json: rekorTlogConfig.selector"],
  [{ tsaConfig: { selector: "EXACT", count: 2 } }, "Cannot read config.json: tsaConfig.count"],
  [{ caUrls: [service("ftp://ca.example")] }, "Cannot read config.json: caUrls.0.url"],
  [{ caUrls: [{ url: "https://ca.example" }] }, "Cannot read config.json: caUrls.0"],
  [
    { rekorTlogUrls: [service("https://log.example", 3)], rekorTlogConfig: any },
    "Cannot sign by config.json: none of its logs counts now and is known here",
  ],
])("%j is refused", (config, message) => {
  expect(() => read(config)).toThrow(message);
});

test("a log of version 2 has the statement, and a timestamp says when", async () => {
  await using sigstore = await startSigstore();
  const { url } = sigstore;
  const identity = { subject: "https://ci.example/acme/app", issuer: "https://id.example" };
  const signer = await keylessSigner({
    fulcioUrl: url,
    rekorUrl: url,
    rekorVersion: 2,
    timestampUrl: url,
    identityToken: identityToken(identity.subject, identity.issuer),
  });
  const store = new MemoryStore();
  const { source, descriptor: image } = await randomImage();
  await copy(source, store, image);
  await attach(store, await signImage(signer, image, store));

  expect(sigstore.requests).toContain("/api/v2/log/entries");
  const trust = { identities: [identity], trustedRoot: readTrustedRoot(sigstore.trustedRoot, "root.json") };
  const { signatures, rejected } = await verifyImage(store, image, { trust });
  expect(signatures).toMatchObject([{ form: "bundle", signatory: identity }]);
  expect(rejected).toMatchObject([{ form: "tag", reason: "LOG" }]);
  const { layers } = parseManifest(await readBlob(store.blob(await store.resolve(cosignTag(image.digest, "sig")))));
  expect(Object.keys(layers[0]?.annotations ?? {})).not.toContain("dev.sigstore.cosign/bundle");
  expect((await verifyImage(store, image, { trust: { ...trust, ignoreLog: true } })).signatures).toHaveLength(2);
});

test("a key signs in no log of version 2", () => {
  const witnesses = { rekorUrl: "https://log.example", rekorVersion: 2 } as const;
  expect(() => keySigner(generateSigningKey(), witnesses)).toThrow("takes no signature by a key here");
});
