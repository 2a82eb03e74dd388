import { parseJson } from "@lading/oci";
import { z } from "zod";
import { TrustError } from "../errors.ts";
import type { SigningServices } from "./authorities.ts";

/** When, and for whom, a signing config is read. */
export interface SigningConfigOptions {
  /** When it is to count. Default: now. */
  readonly now?: Date | undefined;
  /** Whether an identity signs, and not a key: a key needs no certificate authority, and a log of version 1. Default: true. */
  readonly keyless?: boolean | undefined;
}

/**
 * Reads a signing_config.json of sigstore (v0.2), which says what services a signature is made with; `what` names it in errors. Of
 * several services that count now the newest of the newest version that is known here is taken; for a key, of the oldest version.
 * Throws TrustError SIGNING.
 */
export function readSigningConfig(
  bytes: Uint8Array | string,
  what: string,
  { now = new Date(), keyless = true }: SigningConfigOptions = {},
): SigningServices {
  const parsed = schema.safeParse(jsonOf(bytes, what));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new TrustError("SIGNING", `Cannot read ${what}: ${issue?.path.join(".")}: ${issue?.message}`, {
      hint: "Expected a signing_config.json of sigstore, media type application/vnd.dev.sigstore.signingconfig.v0.2+json",
    });
  }
  const { caUrls, rekorTlogUrls, rekorTlogConfig, tsaUrls, tsaConfig } = parsed.data;
  const pick = (services: readonly Service[], newest: number, kind: string): Service | undefined => {
    const [first] = services
      .filter(({ majorApiVersion, validFor: { start, end } }) => {
        const counts = Date.parse(start) <= now.getTime() && (end === undefined || now.getTime() <= Date.parse(end));
        return counts && majorApiVersion >= 1 && majorApiVersion <= newest;
      })
      .toSorted((a, b) => {
        const newer = b.majorApiVersion - a.majorApiVersion;
        return (keyless ? newer : -newer) || Date.parse(b.validFor.start) - Date.parse(a.validFor.start);
      });
    if (services.length > 0 && first === undefined)
      throw new TrustError("SIGNING", `Cannot sign by ${what}: none of its ${kind} counts now and is known here`);
    return first;
  };
  const log = isUsed(rekorTlogConfig) ? pick(rekorTlogUrls, 2, "logs") : undefined;
  return {
    fulcioUrl: keyless ? pick(caUrls, 1, "certificate authorities")?.url : undefined,
    rekorUrl: log?.url,
    rekorVersion: log?.majorApiVersion === 2 ? 2 : 1,
    timestampUrl: isUsed(tsaConfig) ? pick(tsaUrls, 1, "timestamp authorities")?.url : undefined,
  };
}

function jsonOf(bytes: Uint8Array | string, what: string): unknown {
  try {
    return parseJson(bytes, { what });
  } catch (cause) {
    throw new TrustError("SIGNING", `Cannot read ${what}: it is no signing config`, { cause });
  }
}

function isUsed(config: z.output<typeof selection>): boolean {
  return config?.selector !== undefined;
}

const service = z.looseObject({
  url: z.url({ protocol: /^https?$/ }),
  majorApiVersion: z.int(),
  validFor: z.looseObject({
    start: z.iso.datetime({ offset: true }),
    end: z.iso.datetime({ offset: true }).optional(),
  }),
});
type Service = z.output<typeof service>;
// One witness of each kind is asked; who wants more cannot have it here.
const selection = z
  .looseObject({ selector: z.literal(["ANY", "EXACT"]).optional(), count: z.literal(1).optional() })
  .optional();
const schema = z.looseObject({
  mediaType: z.literal("application/vnd.dev.sigstore.signingconfig.v0.2+json"),
  caUrls: z.array(service).default([]),
  rekorTlogUrls: z.array(service).default([]),
  rekorTlogConfig: selection,
  tsaUrls: z.array(service).default([]),
  tsaConfig: selection,
});
