import {
  type Descriptor,
  type Digest,
  isAttestation,
  isIndexType,
  isManifestType,
  OciError,
  type Options,
  parseIndex,
  parseJson,
  parseManifest,
  readBlob,
  referrersOf,
  type Source,
} from "@lading/oci";
import { z } from "zod";
import { envelopeType } from "../sign/artifacts.ts";
import { candidateLimit } from "../verify/candidate.ts";
import { makerOf } from "./maker.ts";
import { isAbout, parseStatement, type ParsedStatement } from "./parse-statement.ts";
import { signaturePredicate } from "./predicate-type.ts";
import { statementType } from "./statement.ts";

/** What somebody says of an image, as it stands there. Whether it is so, and who said it, `verifyImage` finds out. */
export interface FoundAttestation {
  /** What it is attached to: the image, or the index that the image is in. */
  readonly subject: Digest;
  /**
   * "subject": by a manifest that names its subject; "index": by one beside the image in its index, where BuildKit puts
   * it; "tag": by one at cosign's tag.
   */
  readonly attached: "index" | "subject" | "tag";
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

export interface ReadAttestationsOptions extends Options {
  /** The index that the image is in: what is said of it, and what it holds itself, is read as well. */
  readonly index?: Descriptor | undefined;
}

// Who can write to a repository could have everybody read on and on.
const most = 1000;

/**
 * The attestations of an image: in-toto statements, by themselves or signed, that refer to it or, as BuildKit has them
 * (docs/attestations/attestation-storage.md of its sources), lie beside it in its index. Signatures are none.
 * Throws as the source does; OciError LIMIT_EXCEEDED for more than a thousand.
 */
export async function readAttestations(
  source: Source,
  image: Descriptor,
  { index, signal }: ReadAttestationsOptions = {},
): Promise<readonly FoundAttestation[]> {
  const found: FoundAttestation[] = [];
  for (const carrier of await carriersOf(source, image, { index, signal }))
    for await (const attestation of attestationsIn(source, carrier, { signal })) {
      if (found.length === most)
        throw new OciError(
          "LIMIT_EXCEEDED",
          `Cannot read what is said of ${image.digest}: more than ${most} attestations`,
        );
      if (attestation.predicateType !== signaturePredicate) found.push(attestation);
    }
  return found;
}

/** A manifest that may carry attestations. */
interface Carrier {
  readonly descriptor: Descriptor;
  readonly subject: Digest;
  readonly attached: FoundAttestation["attached"];
}

async function carriersOf(
  source: Source,
  image: Descriptor,
  { index, signal }: ReadAttestationsOptions,
): Promise<readonly Carrier[]> {
  const carriers: Carrier[] = [];
  const isInIndex = index !== undefined && isIndexType(index.mediaType);
  for (const { digest, mediaType, size } of isInIndex ? [image, index] : [image])
    for (const { descriptor, tag } of await referrersOf(source, { digest, mediaType, size }, { signal }))
      if (isManifestType(descriptor.mediaType) && (tag === undefined || tag.endsWith(".att")))
        carriers.push({ descriptor, subject: digest, attached: tag === undefined ? "subject" : "tag" });
  if (!isInIndex) return carriers;
  const bytes = await readBlob(source.blob(index), { signal });
  for (const entry of attestationManifests(parseIndex(bytes, index.mediaType, `index ${index.digest}`).manifests))
    if (
      entry.annotations?.[attestedImage] === image.digest &&
      // Newer ones name their subject as well.
      !carriers.some(({ descriptor }) => descriptor.digest === entry.digest)
    )
      carriers.push({ descriptor: entry, subject: image.digest, attached: "index" });
  return carriers;
}

/** The annotation of an attestation manifest that says which image of the index it is about. */
const attestedImage = "vnd.docker.reference.digest";

function attestationManifests(manifests: readonly Descriptor[]): readonly Descriptor[] {
  return manifests.filter((entry) => isManifestType(entry.mediaType) && isAttestation(entry));
}

async function* attestationsIn(
  source: Source,
  { descriptor, subject, attached }: Carrier,
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
