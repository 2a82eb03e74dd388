import { createHash, createPublicKey, type KeyObject, X509Certificate } from "node:crypto";
import { TrustError } from "../errors.ts";
import { parsePem, type PemBlock } from "./pem.ts";

/** A key that signatures are checked with. */
export interface PublicKey {
  readonly key: KeyObject;
  /** SubjectPublicKeyInfo as PEM. */
  readonly pem: string;
  /** base64 of the SHA-256 of the SubjectPublicKeyInfo: what cosign's bundles name a key by. */
  readonly hint: string;
}

/** All public keys of a PEM file; `what` names it in errors. Throws TrustError KEY. */
export function readPublicKeys(text: string, what: string): readonly PublicKey[] {
  return parsePem(text, what).map((block) => publicKey(keyOf(block, what), what));
}

/** A key of Node's as `PublicKey`. Throws TrustError KEY for kinds that no signature here is made with. */
export function publicKey(key: KeyObject, what: string): PublicKey {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  const curve = details?.namedCurve ?? "";
  const usable =
    type === "ed25519" ||
    (type === "ec" && ["prime256v1", "secp384r1", "secp521r1"].includes(curve)) ||
    (type === "rsa" && (details?.modulusLength ?? 0) >= 2048);
  if (!usable)
    throw new TrustError(
      "KEY",
      `Cannot use ${what}: ${[type, curve].filter(Boolean).join(" ")} keys are not known here`,
      {
        hint: "ECDSA on P-256, P-384 and P-521, Ed25519, and RSA of 2048 bits or more are",
      },
    );
  const der = key.export({ type: "spki", format: "der" });
  return {
    key,
    pem: key.export({ type: "spki", format: "pem" }).toString(),
    hint: createHash("sha256").update(der).digest("base64"),
  };
}

function keyOf({ label, text }: PemBlock, what: string): KeyObject {
  if (label.includes("PRIVATE KEY"))
    throw new TrustError("KEY", `Cannot read ${what}: it is a private key`, {
      hint: "Verify with the public half: `lading keygen` and cosign write it beside the key, as .pub",
    });
  try {
    return label === "CERTIFICATE" ? new X509Certificate(text).publicKey : createPublicKey(text);
  } catch (cause) {
    throw new TrustError("KEY", `Cannot read ${what}: its ${label} is damaged`, { cause });
  }
}
