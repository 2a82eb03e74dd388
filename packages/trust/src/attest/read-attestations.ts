import {
  type AttestationManifest,
  type Descriptor,
  type Digest,
  OciError,
  type Options,
  parseJson,
  parseManifest,
  readBlob,
  type Source,
} from "@lading/oci";
import { z } from "zod";
import { envelopeType } from "../attach/cosign-tag.ts";
import { candidateLimit } from "../verify/candidate.ts";
import { makerOf } from "./maker.ts";
import { isAbout, parseStatement, type ParsedStatement } from "./parse-statement.ts";
import { signaturePredicate } from "./predicate-type.ts";
import { statementType } from "./statement.ts";

/** What somebody says of an image, as it stands there. Whether it is so, and who said it, `verifyImage` finds out. */
export interface FoundAttestation {
  /** What it is attached to: the image, or the index that the image is in. */
  readonly subject: Digest;
  readonly attached: AttestationManifest["attached"];
  /** The manifest that carries it. */
  readonly manifest: Digest;
  /** Whether it is in an envelope with a signature, of whomever. */
  readonly signed: boolean;
  /** Undefined for what cannot be read. */
  readonly predicateType?: string;
  /** The builder that a provenance names, or the tool that wrote an SBOM. */
  readonly maker?: string;
  /** Why it says nothing of the image: it cannot be read, or is about something else. */
  readonly problem?: string;
}

// Who can write to a repository could have everybody read on and on.
const most = 1000;

/**
 * The attestations that manifests carry, which `attestationManifestsOf` found: in-toto statements, by themselves or
 * signed. Signatures are none. Throws as the source does; OciError LIMIT_EXCEEDED for more than a thousand.
 */
export async function readAttestations(
  source: Source,
  manifests: readonly AttestationManifest[],
  options: Options = {},
): Promise<readonly FoundAttestation[]> {
  const found: FoundAttestation[] = [];
  for (const manifest of manifests)
    for await (const attestation of attestationsIn(source, manifest, options)) {
      found.push(attestation);
      if (found.length > most)
        throw new OciError(
          "LIMIT_EXCEEDED",
          `Cannot read what is said of ${manifest.subject}: more than ${most} attestations`,
        );
    }
  return found.filter(({ predicateType }) => predicateType !== signaturePredicate);
}

async function* attestationsIn(
  source: Source,
  { descriptor, subject, attached }: AttestationManifest,
  options: Options,
): AsyncGenerator<FoundAttestation> {
  const common = { subject, attached, manifest: descriptor.digest };
  const manifest = await attempt(async () =>
    parseManifest(
      await readBlob(source.blob(descriptor), options),
      descriptor.mediaType,
      `manifest ${descriptor.digest}`,
    ),
  );
  if (manifest instanceof Error) {
    yield { ...common, signed: false, problem: manifest.message };
    return;
  }
  for (const layer of manifest.layers) {
    const form = formOf(layer);
    if (form === undefined) continue;
    const read = await attempt(async () => {
      const bytes = await readBlob(source.blob(layer), { ...options, limit: candidateLimit });
      return parseStatement(form === "statement" ? bytes : payloadOf(bytes, form), candidateLimit);
    });
    const signed = form !== "statement";
    if (read instanceof Error) yield { ...common, signed, problem: read.message };
    else yield { ...common, signed, ...toldBy(read, subject, layer) };
  }
}

function toldBy(
  statement: ParsedStatement,
  subject: Digest,
  { annotations }: Descriptor,
): Pick<FoundAttestation, "maker" | "predicateType" | "problem"> {
  const { predicateType, predicate } = statement;
  const maker = makerOf(predicate);
  const announced = annotations?.["in-toto.io/predicate-type"] ?? predicateType;
  const problem = !isAbout(statement, subject)
    ? `it is about something else: ${subjectsOf(statement)}`
    : announced === predicateType
      ? undefined
      : `it is announced as ${announced}`;
  return {
    predicateType,
    ...(maker === undefined ? {} : { maker }),
    ...(problem === undefined ? {} : { problem }),
  };
}

function subjectsOf({ subject }: ParsedStatement): string {
  const all = subject.flatMap(({ digest = {} }) => Object.entries(digest).map(([name, hex]) => `${name}:${hex}`));
  return all.length === 0 ? "no subject" : `${all.slice(0, 3).join(", ")}${all.length > 3 ? ", …" : ""}`;
}

type Form = "bundle" | "envelope" | "statement";

function formOf({ mediaType }: Descriptor): Form | undefined {
  if (mediaType === statementType) return "statement";
  if (mediaType.startsWith("application/vnd.dev.sigstore.bundle")) return "bundle";
  // Docker signs what BuildKit attests as application/vnd.in-toto.spdx+dsse and the like.
  if (mediaType === envelopeType || /^application\/vnd\.in-toto\b.*\+dsse$/.test(mediaType)) return "envelope";
  return undefined;
}

/** The statement in an envelope (DSSE), by itself or in a bundle of sigstore's. Its signature is another matter. */
function payloadOf(bytes: Uint8Array, form: "bundle" | "envelope"): Uint8Array {
  const value = parseJson(bytes, { what: form, limit: candidateLimit });
  const parsed =
    form === "bundle" ? bundleSchema.safeParse(value).data?.dsseEnvelope : envelopeSchema.safeParse(value).data;
  if (parsed === undefined) throw new SyntaxError(`Cannot read the ${form}: it holds no statement`);
  return Buffer.from(parsed.payload, "base64");
}

const envelopeSchema = z.looseObject({ payload: z.string(), payloadType: z.literal(statementType) });
const bundleSchema = z.looseObject({ dsseEnvelope: envelopeSchema });

// Content that is not there, or not what it should be, is told of. A registry that does not answer is a failure.
async function attempt<T>(task: () => Promise<T>): Promise<T | Error> {
  try {
    return await task();
  } catch (error) {
    if (error instanceof OciError || error instanceof SyntaxError) return error;
    throw error;
  }
}
