import { once as event } from "node:events";
import { createServer } from "node:http";
import { inspect } from "node:util";
import { copy, cosignTag, type Descriptor, MemoryStore, parseManifest, readBlob } from "@lading/oci";
import { identityToken, randomImage, type Sigstore, startSigstore } from "@lading/testkit";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { z } from "zod";
import { attach } from "../attach/artifact.ts";
import { attestImage } from "../attest/attest-image.ts";
import { statementOf } from "../attest/statement.ts";
import { generateSigningKey } from "../keys/signing-key.ts";
import { readTrustedRoot } from "../verify/trusted-root.ts";
import type { Identity, Trust, TrustedIdentities } from "../verify/trust.ts";
import { verifyImage, type VerifiedImage } from "../verify/verify-image.ts";
import { keylessSigner, type KeylessOptions, keySigner } from "./authorities.ts";
import type { ImageSigner } from "./image-signer.ts";
import { signImage } from "./sign-image.ts";

const ada: Identity = { subject: "https://ci.example/acme/app/release", issuer: "https://id.example" };
const token = identityToken(String(ada.subject), String(ada.issuer));

let sigstore: Sigstore;
beforeAll(async () => void (sigstore = await startSigstore()));
afterAll(async () => await sigstore[Symbol.asyncDispose]());

async function keyless(options: Partial<KeylessOptions> = { rekorUrl: sigstore.url }): Promise<ImageSigner> {
  return await keylessSigner({ fulcioUrl: sigstore.url, identityToken: token, ...options });
}

async function signedBy(signer: ImageSigner): Promise<{ readonly store: MemoryStore; readonly image: Descriptor }> {
  const store = new MemoryStore();
  const image = await randomImage();
  await copy(image.source, store, image.descriptor);
  await attach(store, await signImage(signer, image.descriptor, store));
  return { store, image: image.descriptor };
}

function trusting(identity: Identity = ada, more: Partial<TrustedIdentities> = {}, root: Sigstore = sigstore): Trust {
  return { identities: [identity], trustedRoot: readTrustedRoot(root.trustedRoot, "root.json"), ...more };
}

const forms = ({ signatures }: VerifiedImage): readonly string[] => signatures.map(({ form }) => form);

test("an identity signs with a certificate and a log, and both forms are verified without asking them", async () => {
  const { store, image } = await signedBy(await keyless());
  const asked = sigstore.requests.length;
  const verified = await verifyImage(store, image, { trust: trusting() });
  expect(forms(verified)).toEqual(["bundle", "tag"]);
  expect(verified.signatures[0]?.signatory).toEqual(ada);
  expect(sigstore.requests).toHaveLength(asked);
});

test("a timestamp stands in for a log where that is allowed, and not otherwise", async () => {
  const { store, image } = await signedBy(await keyless({ timestampUrl: sigstore.url }));
  const verified = await verifyImage(store, image, { trust: trusting(ada, { ignoreLog: true }) });
  expect(forms(verified)).toEqual(["bundle", "tag"]);
  await expect(verifyImage(store, image, { trust: trusting() })).rejects.toMatchObject({
    rejected: [{ reason: "LOG" }, { reason: "LOG" }],
  });
});

test("without log and timestamp nobody can say that a certificate was valid", async () => {
  const { store, image } = await signedBy(await keyless({}));
  await expect(verifyImage(store, image, { trust: trusting(ada, { ignoreLog: true }) })).rejects.toMatchObject({
    rejected: [{ reason: "TIMESTAMP" }, { reason: "TIMESTAMP" }],
  });
});

test.each<[string, Identity, boolean]>([
  ["the exact identity", ada, true],
  ["a part of it", { ...ada, subject: "https://ci.example" }, false],
  ["a dot that would be any letter", { ...ada, subject: "https://ci.exampl./acme/app/release" }, false],
  ["another issuer", { ...ada, issuer: "https://id.example.org" }, false],
  ["a pattern that fits all of it", { ...ada, subject: /https:\/\/ci\.example\/acme\/.+/ }, true],
  ["a pattern that fits a part of it", { ...ada, subject: /ci\.example/ }, false],
  ["a pattern of two, one of which fits a part", { ...ada, subject: /x|https:/ }, false],
])("%s", async (_, identity, accepted) => {
  const { store, image } = await signedBy(await keyless());
  const verifying = verifyImage(store, image, { trust: trusting(identity) });
  if (accepted) expect(forms(await verifying)).toHaveLength(2);
  else
    await expect(verifying).rejects.toMatchObject({
      rejected: [
        { reason: "IDENTITY", detail: `it was signed by ${ada.subject}, as ${ada.issuer} says` },
        { reason: "IDENTITY" },
      ],
    });
});

test("other authorities vouch for nobody", async () => {
  await using other = await startSigstore();
  const { store, image } = await signedBy(await keyless());
  await expect(verifyImage(store, image, { trust: trusting(ada, {}, other) })).rejects.toMatchObject({
    rejected: [{ reason: "CERTIFICATE" }, { reason: "CERTIFICATE" }],
  });
});

test("a certificate that had ended before it signed is refused", async () => {
  await using past = await startSigstore({ certificatesOf: new Date(Date.now() - 86_400_123) });
  const signer = await keylessSigner({ fulcioUrl: past.url, rekorUrl: past.url, identityToken: token });
  const { store, image } = await signedBy(signer);
  await expect(verifyImage(store, image, { trust: trusting(ada, {}, past) })).rejects.toMatchObject({
    rejected: [{ reason: "CERTIFICATE" }, { reason: "CERTIFICATE" }],
  });
});

test.each([
  ["log", (url: string) => ({ rekorUrl: url }), false],
  ["timestamp", (url: string) => ({ timestampUrl: url }), true],
])(
  "a certificate that has ended since is good for what it signed in its time: by its %s",
  async (_, seen, ignoreLog) => {
    const { store, image } = await signedBy(await keyless(seen(sigstore.url)));
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 400 * 86_400_000 });
    try {
      const verified = await verifyImage(store, image, { trust: trusting(ada, { ignoreLog }) });
      expect(forms(verified)).toEqual(["bundle", "tag"]);
    } finally {
      vi.useRealTimers();
    }
  },
);

test.each([
  ["tlogs", "LOG"],
  ["certificateAuthorities", "CERTIFICATE"],
  ["ctlogs", "CERTIFICATE"],
] as const)("what of %s a root no longer trusts is revoked", async (of, reason) => {
  const { store, image } = await signedBy(await keyless());
  const ended = '"validFor":{"start":"2020-01-01T00:00:00Z","end":"2021-01-01T00:00:00Z"}';
  const root: Readonly<Record<string, unknown>> = z
    .record(z.string(), z.unknown())
    .parse(JSON.parse(sigstore.trustedRoot));
  const changed = JSON.stringify(root[of]).replaceAll('"validFor":{"start":"2020-01-01T00:00:00Z"}', ended);
  const trustedRoot = JSON.stringify({ ...root, [of]: JSON.parse(changed) });

  await expect(
    verifyImage(store, image, { trust: trusting(ada, {}, { ...sigstore, trustedRoot }) }),
  ).rejects.toMatchObject({ rejected: [{ reason }, { reason }] });
});

test("certificates count without their log where that is said", async () => {
  const { store, image } = await signedBy(await keyless());
  const trustedRoot = sigstore.trustedRoot.replace(/"ctlogs":\[.*?\],"cert/, '"ctlogs":[],"cert');
  const trust = (ignoreSct: boolean): Trust => trusting(ada, { ignoreSct }, { ...sigstore, trustedRoot });
  expect(forms(await verifyImage(store, image, { trust: trust(true) }))).toEqual(["bundle", "tag"]);
  await expect(verifyImage(store, image, { trust: trust(false) })).rejects.toMatchObject({
    rejected: [{ reason: "CERTIFICATE" }, { reason: "CERTIFICATE" }],
  });
});

test("a log entry of something else is refused in a bundle, too", async () => {
  const [one, two] = [await signedBy(await keyless()), await signedBy(await keyless())];
  const [mine, theirs] = [await bundleOf(one), await bundleOf(two)];
  const foreign = {
    ...mine.bundle,
    verificationMaterial: {
      ...mine.bundle.verificationMaterial,
      tlogEntries: theirs.bundle.verificationMaterial.tlogEntries,
    },
  };
  const store = new MemoryStore();
  const [artifact] = await signImage(await keyless(), one.image, store, { forms: ["bundle"] });
  if (artifact === undefined) throw new Error("Cannot find the bundle");
  const layer = await store.write(once(JSON.stringify(foreign)), mine.layer.mediaType);
  const manifest = parseManifest(await readBlob(artifact.source.blob(artifact.descriptor)));
  await store.write(once("{}"), manifest.config.mediaType);
  await store.keep(
    await store.write(once(JSON.stringify({ ...manifest, layers: [layer] })), artifact.descriptor.mediaType),
  );

  await expect(verifyImage(store, one.image, { trust: trusting() })).rejects.toMatchObject({
    rejected: [{ form: "bundle", reason: "LOG" }],
  });
});

test("a log entry of something else is refused", async () => {
  const [one, two] = [await signedBy(await keyless()), await signedBy(await keyless())];
  const [theirs] = await layers(two);
  const [layer] = await layers(one);
  const entry = theirs?.annotations?.["dev.sigstore.cosign/bundle"] ?? "";
  const manifest = await readBlob(one.store.blob(await one.store.resolve(cosignTag(one.image.digest, "sig"))));
  const changed = Buffer.from(manifest)
    .toString()
    .replace(JSON.stringify(layer?.annotations?.["dev.sigstore.cosign/bundle"]), JSON.stringify(entry));
  const descriptor = await one.store.write(once(changed), "application/vnd.oci.image.manifest.v1+json");
  await one.store.tag(descriptor, cosignTag(one.image.digest, "sig"));

  const { rejected } = await verifyImage(one.store, one.image, { trust: trusting() });

  expect(rejected).toMatchObject([{ form: "tag", reason: "LOG" }]);
});

test("with a key and a trusted root, the log is asked for as well", async () => {
  const key = generateSigningKey();
  const trust: Trust = { keys: [key.publicKey], trustedRoot: readTrustedRoot(sigstore.trustedRoot, "root.json") };
  const logged = await signedBy(keySigner(key, { rekorUrl: sigstore.url, timestampUrl: sigstore.url }));
  expect(forms(await verifyImage(logged.store, logged.image, { trust }))).toEqual(["bundle", "tag"]);

  const { store, image } = await signedBy(keySigner(key));
  await expect(verifyImage(store, image, { trust })).rejects.toMatchObject({
    rejected: [{ reason: "LOG" }, { reason: "LOG" }],
  });
  expect(forms(await verifyImage(store, image, { trust: { ...trust, ignoreLog: true } }))).toHaveLength(2);
});

test("attestations are by identity too, and of their type alone", async () => {
  const { source: store, descriptor } = await randomImage();
  const signer = await keyless();
  const statement = statementOf([descriptor], "https://slsa.dev/provenance/v1", { buildDefinition: {} });
  await attach(store, await attestImage(descriptor, [statement], store, { signer }));

  const options = { trust: trusting(), predicateType: "https://slsa.dev/provenance/v1" };
  const { signatures } = await verifyImage(store, descriptor, options);

  expect(signatures[0]?.claim.predicate).toEqual({ buildDefinition: {} });
  await expect(verifyImage(store, descriptor, { trust: trusting() })).rejects.toThrow(
    "it is an attestation of type https://slsa.dev/provenance/v1, and no signature",
  );
});

test("no error has the token in it", async () => {
  const nowhere = "http://127.0.0.1:9";
  for (const identity of ["not a token", `${token}.x`, "a.b.c", token]) {
    const error: unknown = await keylessSigner({ fulcioUrl: nowhere, identityToken: identity })
      .then(async (signer) => await signer.statement(Buffer.from("{}")))
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: "TrustError", code: identity === token ? "SIGNING" : "TOKEN" });
    for (let at = error; at instanceof Error; at = at.cause) expect(`${at.message}${at.stack}`).not.toContain(identity);
  }
}, 30_000);

/** GitHub's service of tokens: answers as told, and remembers what it was asked with. */
async function startTokens(answers: readonly (readonly [number, unknown])[]) {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const [status, body] = answers[Math.min(asked.length, answers.length - 1)] ?? [500, {}];
    asked.push(`${request.url} ${request.headers.authorization}`);
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  });
  await event(server.listen(0, "127.0.0.1"), "listening");
  const address = server.address();
  vi.stubEnv(
    "ACTIONS_ID_TOKEN_REQUEST_URL",
    `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}/t?a=1`,
  );
  vi.stubEnv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "request-secret");
  return {
    asked,
    [Symbol.asyncDispose]: async () => {
      vi.unstubAllEnvs();
      server.closeAllConnections();
      server.close();
      await event(server, "close");
    },
  };
}

test("a CI's token is asked for, and again when it ends", async () => {
  const [short, long] = [-30, 3600].map((seconds) => endingToken(Math.floor(Date.now() / 1000) + seconds));
  await using tokens = await startTokens([
    [200, { value: short }],
    [200, { value: long }],
  ]);
  const signer = await keylessSigner({ fulcioUrl: sigstore.url, rekorUrl: sigstore.url });
  const { store, image } = await signedBy(signer);
  expect(forms(await verifyImage(store, image, { trust: trusting() }))).toEqual(["bundle", "tag"]);
  expect(tokens.asked).toEqual([
    "/t?a=1&audience=sigstore Bearer request-secret",
    "/t?a=1&audience=sigstore Bearer request-secret",
  ]);
});

test("GitLab's token is in the environment", async () => {
  vi.stubEnv("SIGSTORE_ID_TOKEN", token);
  try {
    const { store, image } = await signedBy(await keylessSigner({ fulcioUrl: sigstore.url, rekorUrl: sigstore.url }));
    expect(forms(await verifyImage(store, image, { trust: trusting() }))).toEqual(["bundle", "tag"]);
  } finally {
    vi.unstubAllEnvs();
  }
});

test.each([
  [403, { message: "request-secret is not allowed" }],
  [200, {}],
  [200, "request-secret"],
])("a CI that answers %i %j has no token, which is told without a secret", async (status, body) => {
  await using _ = await startTokens([[status, body]]);
  const error: unknown = await keylessSigner({ fulcioUrl: sigstore.url }).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({
    code: "TOKEN",
    message: "Cannot get an identity token: GitHub Actions, which was asked for one, gave none",
  });
  expect(inspect(error, { depth: 9 })).not.toContain("request-secret");
});

test("without a token anywhere nobody is asked", async () => {
  for (const name of ["SIGSTORE_ID_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_URL", "BUILDKITE"]) vi.stubEnv(name, undefined);
  await expect(keylessSigner({ fulcioUrl: sigstore.url }).finally(() => vi.unstubAllEnvs())).rejects.toMatchObject({
    code: "TOKEN",
    message: "Cannot find an identity token",
  });
});

test("a root that leaves open from when a key counts is refused", () => {
  const root = sigstore.trustedRoot.replace('"validFor":{"start":"2020-01-01T00:00:00Z"}', '"validFor":{}');
  expect(() => readTrustedRoot(root, "root.json")).toThrow(
    "Cannot read root.json: tlogs.0.publicKey.validFor.start: Invalid input: expected string, received undefined",
  );
  expect(() => readTrustedRoot("{}", "root.json")).toThrow("Cannot read root.json: mediaType");
});

async function layers({ store, image }: { readonly store: MemoryStore; readonly image: Descriptor }) {
  return parseManifest(await readBlob(store.blob(await store.resolve(cosignTag(image.digest, "sig"))))).layers;
}

function endingToken(exp: number): string {
  const [header, payload, signature] = token.split(".");
  const claims: unknown = JSON.parse(Buffer.from(payload ?? "", "base64url").toString());
  const ending = Buffer.from(JSON.stringify(Object.assign({ exp }, claims))).toString("base64url");
  return [header, ending, signature].join(".");
}

const bundleSchema = z.looseObject({ verificationMaterial: z.looseObject({ tlogEntries: z.array(z.unknown()) }) });

async function bundleOf({ store, image }: { readonly store: MemoryStore; readonly image: Descriptor }) {
  const [referrer = image] = await store.referrers(image);
  const [layer = image] = parseManifest(await readBlob(store.blob(referrer))).layers;
  return { layer, bundle: bundleSchema.parse(JSON.parse(Buffer.from(await readBlob(store.blob(layer))).toString())) };
}

async function* once(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}
