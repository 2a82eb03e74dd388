import { type Digest, isDigest, jsonBytes, parseJson } from "@lading/oci";
import { z } from "zod";

/** What a signature of the older form signs: "simple signing", as cosign and containers/image have it. */
export interface SimpleSigning {
  /** The name under which the image was signed, as `ghcr.io/acme/app:1`; cosign leaves out the tag, and does not look at it. */
  readonly reference: string;
  readonly digest: Digest;
  readonly annotations: Readonly<Record<string, unknown>>;
}

const kind = "cosign container image signature";

/** The payload, keys in the order in which cosign has them. */
export function writeSimpleSigning({ reference, digest, annotations }: SimpleSigning): Uint8Array {
  return jsonBytes({
    critical: {
      identity: { "docker-reference": reference },
      image: { "docker-manifest-digest": digest },
      type: kind,
    },
    optional: Object.keys(annotations).length === 0 ? null : annotations,
  });
}

/** Throws OciError or SyntaxError. */
export function parseSimpleSigning(bytes: Uint8Array): SimpleSigning {
  const what = "signed payload";
  const parsed = schema.safeParse(parseJson(bytes, { what }));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new SyntaxError(`Cannot read ${what}: ${issue?.path.join(".")}: ${issue?.message}`);
  }
  const { critical, optional } = parsed.data;
  const digest = critical.image["docker-manifest-digest"];
  if (!isDigest(digest)) throw new SyntaxError(`Cannot read ${what}: it names no digest`);
  return { reference: critical.identity["docker-reference"], digest, annotations: optional ?? {} };
}

// What is critical must be understood: others may have put conditions there.
const schema = z.looseObject({
  critical: z.strictObject({
    identity: z.strictObject({ "docker-reference": z.string() }),
    image: z.strictObject({ "docker-manifest-digest": z.string() }),
    type: z.literal(kind),
  }),
  optional: z.record(z.string(), z.unknown()).nullish(),
});
