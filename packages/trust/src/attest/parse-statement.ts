import { type Digest, digestAlgorithm, digestHex, parseJson } from "@lading/oci";
import { z } from "zod";

/** What an in-toto attestation of somebody else says, of whatever predicate. */
export interface ParsedStatement {
  readonly predicateType: string;
  readonly predicate?: unknown;
  readonly subject: readonly ParsedSubject[];
}

interface ParsedSubject {
  readonly digest?: Readonly<Record<string, string>> | undefined;
  readonly annotations?: Readonly<Record<string, unknown>> | null | undefined;
}

/** Parses a statement of v0.1 or v1. Throws OciError or SyntaxError. */
export function parseStatement(bytes: Uint8Array, limit?: number): ParsedStatement {
  const what = "in-toto statement";
  const parsed = schema.safeParse(parseJson(bytes, { what, ...(limit === undefined ? {} : { limit }) }));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new SyntaxError(`Cannot read ${what}: ${issue?.path.join(".")}: ${issue?.message}`);
}

/** Whether a statement is about content of this digest. */
export function isAbout({ subject }: ParsedStatement, digest: Digest): boolean {
  const algorithm = digestAlgorithm(digest);
  return subject.some(
    ({ digest: of = {} }) => Object.hasOwn(of, algorithm) && of[algorithm]?.toLowerCase() === digestHex(digest),
  );
}

const schema: z.ZodType<ParsedStatement> = z.looseObject({
  _type: z.literal(["https://in-toto.io/Statement/v0.1", "https://in-toto.io/Statement/v1"]),
  predicateType: z.string(),
  predicate: z.unknown(),
  subject: z.array(
    z.looseObject({
      digest: z.record(z.string(), z.string()).optional(),
      annotations: z.record(z.string(), z.unknown()).nullish(),
    }),
  ),
});
