import { ASN1Obj } from "@sigstore/core";
import { TrustError } from "../errors.ts";

const pbes2 = "1.2.840.113549.1.5.13";
const scrypt = "1.3.6.1.4.1.11591.4.11";

// Seconds of work, for either; what is written in the wild is far below.
const mostIterations = 10_000_000n;
const mostScryptWork = 2n ** 24n;

/**
 * Refuses an encrypted PKCS#8 key (RFC 8018) that says it takes ages to make a key of its password:
 * OpenSSL would do as it is told. Throws TrustError KEY.
 */
export function checkKeyStretching(encryptedKeyInfo: Uint8Array, what: string): void {
  let kind: string | undefined;
  let numbers: readonly bigint[];
  try {
    const algorithm = ASN1Obj.parseBuffer(Buffer.from(encryptedKeyInfo)).subs[0];
    const stretching = algorithm?.subs[0]?.toOID() === pbes2 ? algorithm.subs[1]?.subs[0] : algorithm;
    kind = stretching?.subs[0]?.toOID();
    numbers = (stretching?.subs[1]?.subs ?? [])
      .filter(({ tag }) => tag.isInteger())
      .map((integer) => integer.toInteger());
  } catch (cause) {
    throw new TrustError("KEY", `Cannot read ${what}: its encrypted key is damaged`, { cause });
  }
  // N, r and p of scrypt (RFC 7914); the iterations of anything else. What follows is a length of the key.
  const [first = 0n, r = 1n, p = 1n] = numbers;
  const excessive = kind === scrypt ? first * r * p > mostScryptWork : first > mostIterations;
  if (excessive)
    throw new TrustError("KEY", `Cannot read ${what}: making a key of its password would take too long`, {
      hint: "Encrypt the key again with usual parameters: openssl pkcs8 -topk8 -in KEY",
    });
}
