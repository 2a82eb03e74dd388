import { parseJson } from "@lading/oci";
import { X509Certificate } from "@sigstore/core";
import { TrustedRoot as TrustedRootMessage } from "@sigstore/protobuf-specs";
import { toTrustMaterial, type TrustMaterial } from "@sigstore/verify";
import { z } from "zod";
import { TrustError } from "../errors.ts";
import type { PemBlock } from "../keys/pem.ts";
import type { PublicKey } from "../keys/public-key.ts";

/** Who issues certificates, keeps logs and tells the time: what signatures without a key are checked against. */
export interface TrustedRoot {
  readonly material: TrustMaterial;
}

/**
 * Reads a trusted_root.json, as `cosign trusted-root create` and sigstore's TUF repositories have it;
 * `what` names it in errors. Every key and certificate must say from when it counts. Throws
 * TrustError TRUSTED_ROOT.
 */
export function readTrustedRoot(bytes: Uint8Array | string, what: string): TrustedRoot {
  let json: unknown;
  try {
    json = parseJson(bytes, { what });
  } catch (cause) {
    throw new TrustError("TRUSTED_ROOT", `Cannot read ${what}: it is no trusted root`, { cause });
  }
  const parsed = schema.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new TrustError("TRUSTED_ROOT", `Cannot read ${what}: ${issue?.path.join(".")}: ${issue?.message}`, {
      hint: "Expected a trusted_root.json of sigstore, media type application/vnd.dev.sigstore.trustedroot+json;version=0.1",
    });
  }
  try {
    return { material: toTrustMaterial(TrustedRootMessage.fromJSON(parsed.data)) };
  } catch (cause) {
    throw new TrustError("TRUSTED_ROOT", `Cannot read ${what}: a key or certificate in it is damaged`, { cause });
  }
}

/** A root of mere certificates of authorities and keys of logs, which say not from when they count. Throws TrustError TRUSTED_ROOT. */
export function trustedRootOf(authorities: readonly PemBlock[], logs: readonly PublicKey[]): TrustedRoot {
  const validFor = { start: new Date(0), end: new Date(8.64e15) };
  const certChain = authorities.map(({ body }) => {
    try {
      return X509Certificate.parse(Buffer.from(body));
    } catch (cause) {
      throw new TrustError("TRUSTED_ROOT", "Cannot read the certificate of an authority: it is damaged", { cause });
    }
  });
  return {
    material: {
      certificateAuthorities: certChain.length === 0 ? [] : [{ certChain, validFor }],
      timestampAuthorities: [],
      tlogs: logs.map(({ key, hint }) => ({
        logID: Buffer.from(hint, "base64"),
        baseURL: "",
        publicKey: key,
        validFor,
      })),
      ctlogs: [],
      publicKey: () => {
        throw new TypeError("A root has no keys to sign with");
      },
    },
  };
}

// What sigstore's own reader takes for valid since 1970 when it is left out.
const validFor = z.looseObject({
  start: z.iso.datetime({ offset: true }),
  end: z.iso.datetime({ offset: true }).optional(),
});
const log = z.looseObject({
  baseUrl: z.string().optional(),
  publicKey: z.looseObject({ rawBytes: z.string().min(1), validFor }),
});
const authority = z.looseObject({
  certChain: z.looseObject({ certificates: z.array(z.looseObject({ rawBytes: z.string().min(1) })).min(1) }),
  validFor,
});

const schema = z.looseObject({
  mediaType: z.string().regex(/^application\/vnd\.dev\.sigstore\.trustedroot[+.]/, "no trusted root of sigstore"),
  tlogs: z.array(log).optional(),
  ctlogs: z.array(log).optional(),
  certificateAuthorities: z.array(authority).optional(),
  timestampAuthorities: z.array(authority).optional(),
});
