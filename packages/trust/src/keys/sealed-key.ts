import { randomBytes, scrypt } from "node:crypto";
import { jsonBytes, parseJson } from "@lading/oci";
import { xsalsa20poly1305 } from "@noble/ciphers/salsa.js";
import { z } from "zod";
import { TrustError } from "../errors.ts";

/*
 * The private keys of cosign: a PKCS#8 key in a NaCl secretbox, whose key is made of a password by
 * scrypt (go-securesystemslib encrypted.go). The box tells a wrong password from a right one.
 */

/** What cosign 2 and 3 write; older ones wrote ENCRYPTED COSIGN PRIVATE KEY. */
const label = "ENCRYPTED SIGSTORE PRIVATE KEY";
const labels: ReadonlySet<string> = new Set([label, "ENCRYPTED COSIGN PRIVATE KEY"]);

/** Whether a PEM block of this label is such a key. */
export function isSealedLabel(text: string): boolean {
  return labels.has(text);
}

/** Encrypts a PKCS#8 key as `cosign generate-key-pair` does; the password may be empty. Returns PEM. */
export async function sealKey(pkcs8: Uint8Array, password: string): Promise<string> {
  const salt = randomBytes(32);
  const nonce = randomBytes(24);
  const ciphertext = xsalsa20poly1305(await boxKey(password, salt, standard), nonce).encrypt(pkcs8);
  const sealed: Sealed = {
    kdf: { name: "scrypt", params: standard, salt: base64(salt) },
    cipher: { name: "nacl/secretbox", nonce: base64(nonce) },
    ciphertext: base64(ciphertext),
  };
  const lines = base64(jsonBytes(sealed)).replace(/.{1,64}/g, "$&\n");
  return `-----BEGIN ${label}-----\n${lines}-----END ${label}-----\n`;
}

/** The PKCS#8 key in the body of such a PEM block. Throws TrustError KEY or PASSWORD. */
export async function openSealedKey(body: Uint8Array, password: string, what: string): Promise<Uint8Array> {
  const { kdf, cipher, ciphertext } = parseSealed(body, what);
  const key = await boxKey(password, bytes(kdf.salt), kdf.params);
  try {
    return xsalsa20poly1305(key, bytes(cipher.nonce)).decrypt(bytes(ciphertext));
  } catch {
    // All that the box says is that its tag does not fit.
    throw new TrustError("PASSWORD", `Cannot decrypt ${what}: the password is wrong`);
  }
}

const standard: ScryptParams = { N: 65536, r: 8, p: 1 };

interface ScryptParams {
  readonly N: number;
  readonly r: number;
  readonly p: number;
}

interface Sealed {
  readonly kdf: { readonly name: "scrypt"; readonly params: ScryptParams; readonly salt: string };
  readonly cipher: { readonly name: "nacl/secretbox"; readonly nonce: string };
  readonly ciphertext: string;
}

const base64Of = (length: number): z.ZodString =>
  z.string().refine((text) => bytes(text).byteLength === length, `not ${length} bytes of base64`);

// The strengths that go-securesystemslib knows. Others are refused before scrypt runs: what they cost is up to who wrote the file.
const schema: z.ZodType<Sealed> = z.object({
  kdf: z.object({
    name: z.literal("scrypt"),
    params: z.object({
      N: z.literal([32768, 65536, 131072], "not 32768, 65536 or 131072"),
      r: z.literal(8),
      p: z.literal(1),
    }),
    salt: base64Of(32),
  }),
  cipher: z.object({ name: z.literal("nacl/secretbox"), nonce: base64Of(24) }),
  ciphertext: z.string(),
});

function parseSealed(body: Uint8Array, what: string): Sealed {
  let json: unknown;
  try {
    json = parseJson(body, { what, limit: 64 * 1024, depth: 8 });
  } catch (cause) {
    throw new TrustError("KEY", `Cannot read ${what}: it holds no encrypted key`, { cause });
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new TrustError("KEY", `Cannot read ${what}: ${issue?.path.join(".")}: ${issue?.message}`, {
    hint: "Expected what cosign or `lading keygen` write: scrypt with N 65536, r 8, p 1, and nacl/secretbox",
  });
}

async function boxKey(password: string, salt: Uint8Array, { N, r, p }: ScryptParams): Promise<Uint8Array> {
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  // OpenSSL stops at 32 MiB when it is not told otherwise; this takes 128·N·r bytes, and some.
  scrypt(password, salt, 32, { N, r, p, maxmem: 256 * N * r }, (error, key) =>
    error === null ? resolve(key) : reject(error),
  );
  return await promise;
}

function base64(of: Uint8Array): string {
  return Buffer.from(of).toString("base64");
}

function bytes(of: string): Uint8Array {
  return Buffer.from(of, "base64");
}
