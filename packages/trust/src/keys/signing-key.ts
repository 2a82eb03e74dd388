import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { TrustError } from "../errors.ts";
import { checkKeyStretching } from "./key-stretching.ts";
import { parsePem } from "./pem.ts";
import { publicKey, type PublicKey } from "./public-key.ts";
import { isSealedLabel, openSealedKey, sealKey } from "./sealed-key.ts";

/** A key pair to sign with: ECDSA on P-256, which everything that verifies images can check. */
export interface SigningKey {
  readonly privateKey: KeyObject;
  readonly publicKey: PublicKey;
}

export interface ReadKeyOptions {
  /** Asked for the password, when the key is encrypted; undefined says that there is none. */
  readonly password?: (() => Promise<string | undefined>) | undefined;
}

/** A new key pair. */
export function generateSigningKey(): SigningKey {
  const { privateKey, publicKey: key } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return { privateKey, publicKey: publicKey(key, "the new key") };
}

/** The private key as cosign's files have it: encrypted PEM. The password may be empty. */
export async function sealSigningKey({ privateKey }: SigningKey, password: string): Promise<string> {
  return await sealKey(privateKey.export({ type: "pkcs8", format: "der" }), password);
}

/**
 * Reads a private key: a cosign.key, or PKCS#8 or SEC1 PEM, encrypted or not. `what` names it in
 * errors. Throws TrustError KEY or PASSWORD.
 */
export async function readSigningKey(text: string, what: string, options: ReadKeyOptions = {}): Promise<SigningKey> {
  // `openssl ecparam -genkey` writes the curve in front of the key.
  const blocks = parsePem(text, what).filter(({ label }) => label !== "EC PARAMETERS");
  const [block] = blocks;
  if (block === undefined || blocks.length > 1)
    throw new TrustError("KEY", `Cannot read ${what}: it holds ${blocks.length} keys instead of one`);
  if (!block.label.endsWith("PRIVATE KEY"))
    throw new TrustError("KEY", `Cannot sign with ${what}: it holds a ${block.label.toLowerCase()}`, {
      hint: "Sign with the private half, such as the cosign.key that `lading keygen` writes",
    });

  if (isSealedLabel(block.label)) {
    const pkcs8 = await openSealedKey(block.body, await passwordFor(what, options), what);
    return signingKey(() => createPrivateKey({ key: Buffer.from(pkcs8), format: "der", type: "pkcs8" }), what);
  }
  const encrypted = block.label === "ENCRYPTED PRIVATE KEY" || /^Proc-Type: 4,ENCRYPTED/m.test(block.text);
  if (!encrypted) return signingKey(() => createPrivateKey(block.text), what);
  if (block.label === "ENCRYPTED PRIVATE KEY") checkKeyStretching(block.body, what);
  const passphrase = await passwordFor(what, options);
  let privateKey: KeyObject;
  try {
    privateKey = createPrivateKey({ key: block.text, passphrase });
  } catch (cause) {
    throw new TrustError("PASSWORD", `Cannot decrypt ${what}: the password is wrong, or the key is damaged`, { cause });
  }
  return signingKey(() => privateKey, what);
}

async function passwordFor(what: string, { password }: ReadKeyOptions): Promise<string> {
  const given = await password?.();
  if (given === undefined) throw new TrustError("PASSWORD", `Cannot decrypt ${what}: no password was given`);
  return given;
}

function signingKey(read: () => KeyObject, what: string): SigningKey {
  let privateKey: KeyObject;
  try {
    privateKey = read();
  } catch (cause) {
    throw new TrustError("KEY", `Cannot read ${what}: the key in it is damaged`, { cause });
  }
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = privateKey;
  if (type !== "ec" || details?.namedCurve !== "prime256v1")
    throw new TrustError("KEY", `Cannot sign with ${what}: its key is ${type} ${details?.namedCurve ?? ""}`.trimEnd(), {
      hint: "Sign with ECDSA on P-256: of the others not all that verify images take the same hash. `lading keygen` makes one",
    });
  return { privateKey, publicKey: publicKey(createPublicKey(privateKey), what) };
}
