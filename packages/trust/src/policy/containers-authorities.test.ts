import { copy, type Descriptor, MemoryStore, parseReference } from "@lading/oci";
import { identityToken, randomImage, type Sigstore, startSigstore } from "@lading/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { attach } from "../attach/artifact.ts";
import { generateSigningKey } from "../keys/signing-key.ts";
import { keylessSigner, keySigner } from "../sign/authorities.ts";
import type { ImageSigner, SignatureForm } from "../sign/image-signer.ts";
import { signImage } from "../sign/sign-image.ts";
import { admit } from "./policy.ts";
import { readPolicy } from "./read-policy.ts";

// `fulcio` and `rekorPublicKey…` of containers-policy.json(5).

const issuer = "https://id.example";
const email = "ci@acme.example";
const key = generateSigningKey();
const keyData = Buffer.from(key.publicKey.pem).toString("base64");
let sigstore: Sigstore;
let other: Sigstore;
beforeAll(async () => void ([sigstore, other] = [await startSigstore(), await startSigstore()]));
afterAll(async () => {
  await sigstore[Symbol.asyncDispose]();
  await other[Symbol.asyncDispose]();
});

const root = z.object({
  tlogs: z.array(z.object({ publicKey: z.object({ rawBytes: z.string() }) })),
  certificateAuthorities: z.array(
    z.object({ certChain: z.object({ certificates: z.array(z.object({ rawBytes: z.string() })) }) }),
  ),
});

function pem(label: string, body = ""): string {
  return Buffer.from(`-----BEGIN ${label}-----\n${body}\n-----END ${label}-----\n`).toString("base64");
}

/** The authority and the log of a sigstore, as a policy has them. */
function dataOf({ trustedRoot }: Sigstore): { readonly ca: string; readonly log: string } {
  const { tlogs, certificateAuthorities } = root.parse(JSON.parse(trustedRoot));
  return {
    ca: pem("CERTIFICATE", certificateAuthorities[0]?.certChain.certificates[0]?.rawBytes),
    log: pem("PUBLIC KEY", tlogs[0]?.publicKey.rawBytes),
  };
}

async function signedBy(
  signer: ImageSigner,
  forms: readonly SignatureForm[] = ["bundle", "tag"],
): Promise<{ readonly source: MemoryStore; readonly descriptor: Descriptor }> {
  const store = new MemoryStore();
  const { source, descriptor } = await randomImage();
  await copy(source, store, descriptor);
  await attach(store, await signImage(signer, descriptor, store, { references: ["ghcr.io/acme/app:1"], forms }));
  return { source: store, descriptor };
}

async function judged(image: Awaited<ReturnType<typeof signedBy>>, requirement: object): Promise<string> {
  const policy = { default: [{ type: "sigstoreSigned", ...requirement }] };
  try {
    await admit(await readPolicy(policy, "/etc/p/policy.json", async () => ""), {
      ...image,
      place: { transport: "docker", reference: parseReference("ghcr.io/acme/app:1") },
      shown: "it",
    });
    return "ok";
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return [error.message, error.cause instanceof Error ? error.cause.message : ""].join(" ");
  }
}

test("an identity is accepted by its authority and its log, and by no other", async () => {
  const signer = await keylessSigner({
    fulcioUrl: sigstore.url,
    rekorUrl: sigstore.url,
    identityToken: identityToken(email, issuer),
  });
  const image = await signedBy(signer);
  const [{ ca, log }, theirs] = [dataOf(sigstore), dataOf(other)];
  const fulcio = { caData: ca, oidcIssuer: issuer, subjectEmail: email };
  const rekorPublicKeyData = log;

  expect(await judged(image, { fulcio, rekorPublicKeyData })).toBe("ok");
  expect(await judged(image, { fulcio, rekorPublicKeyDatas: [theirs.log, log] })).toBe("ok");
  for (const [requirement, why] of [
    [{ fulcio: { ...fulcio, subjectEmail: "me@acme.example" }, rekorPublicKeyData }, `it was signed by ${email}`],
    [{ fulcio: { ...fulcio, oidcIssuer: "https://other.example" }, rekorPublicKeyData }, `as ${issuer} says`],
    [{ fulcio: { ...fulcio, caData: theirs.ca }, rekorPublicKeyData }, "certificate"],
    [{ fulcio, rekorPublicKeyData: theirs.log }, "inclusion promise could not be verified"],
    [{ fulcio }, "fulcio needs the key of a log"],
    [{ fulcio: { oidcIssuer: issuer, subjectEmail: email }, rekorPublicKeyData }, "one of caPath and caData"],
    [{ fulcio: { ...fulcio, caPath: "/etc/ca.pem" }, rekorPublicKeyData }, "one of caPath and caData"],
    [{ fulcio, keyData, rekorPublicKeyData }, "it takes one of keyPath"],
    [{ fulcio: { ...fulcio, caData: "aGVsbG8=" }, rekorPublicKeyData }, "it is no PEM file"],
  ] as const)
    expect(await judged(image, requirement)).toContain(why);
  // A bundle signs no name, and such a policy asks for one.
  expect(await judged(await signedBy(signer, ["bundle"]), { fulcio, rekorPublicKeyData })).toContain("forbids it");
});

test("with a log beside a key, what is not in it is refused", async () => {
  const { log } = dataOf(sigstore);
  const logged = await signedBy(keySigner(key, { rekorUrl: sigstore.url }));
  const unheard = await signedBy(keySigner(key));

  expect(await judged(logged, { keyData, rekorPublicKeyData: log })).toBe("ok");
  expect(await judged(unheard, { keyData })).toBe("ok");
  expect(await judged(unheard, { keyData, rekorPublicKeyData: log })).toContain("expected 1 tlog entries, got 0");
  expect(await judged(logged, { keyData, rekorPublicKeyData: dataOf(other).log })).toContain("could not be verified");
});
