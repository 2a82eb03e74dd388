import {
  type Descriptor,
  type Digest,
  isManifestType,
  type Manifest,
  OciError,
  type Options,
  parseManifest,
  readBlob,
  referrersOf,
  type Source,
} from "@lading/oci";
import { envelopeType, simpleSigningType } from "../attach/cosign-tag.ts";
import { bundleCandidate, type Candidate, candidateLimit, envelopeCandidate, payloadCandidate } from "./candidate.ts";
import { Rejection } from "./rejection.ts";

/** Something that may be a signature, found beside an image. */
export interface FoundCandidate {
  readonly digest: Digest;
  readonly form: "bundle" | "tag";
  /** Throws Rejection for what is not even that. */
  readonly read: () => Candidate;
}

// Who can write to a repository could have everybody read on and on.
const most = 1000;

/** Everything beside `subject` that may be a signature or attestation, in both forms. */
export async function* findCandidates(
  source: Source,
  subject: Descriptor,
  { signal }: Options,
): AsyncGenerator<FoundCandidate> {
  let count = 0;
  for (const { descriptor, tag } of await referrersOf(source, subject, { signal })) {
    if (!isManifestType(descriptor.mediaType) || tag?.endsWith(".sbom") === true) continue;
    const form = tag === undefined ? "bundle" : "tag";
    const manifest = await attempt(async () => await readManifest(source, descriptor, { signal }));
    if (manifest instanceof Rejection) {
      yield { digest: descriptor.digest, form, read: rethrow(manifest) };
      continue;
    }
    for (const layer of signedLayers(manifest, form)) {
      if (++count > most)
        throw new OciError("LIMIT_EXCEEDED", `Cannot verify ${subject.digest}: it has more than ${most} signatures`);
      const bytes = await attempt(async () => await readBlob(source.blob(layer), { signal, limit: candidateLimit }));
      yield {
        digest: layer.digest,
        form,
        read: bytes instanceof Rejection ? rethrow(bytes) : () => reading(() => parse(layer, bytes)),
      };
    }
  }
}

async function readManifest(source: Source, descriptor: Descriptor, options: Options): Promise<Manifest> {
  const bytes = await readBlob(source.blob(descriptor), options);
  return parseManifest(bytes, descriptor.mediaType, `manifest ${descriptor.digest}`);
}

const bundles = "application/vnd.dev.sigstore.bundle";

// A bundle is one layer; cosign overlooks it among several, and so must we.
function signedLayers({ layers }: Manifest, form: "bundle" | "tag"): readonly Descriptor[] {
  if (form === "bundle") return layers.length === 1 && layers[0]?.mediaType.startsWith(bundles) === true ? layers : [];
  return layers.filter(({ mediaType }) => mediaType === simpleSigningType || mediaType === envelopeType);
}

function parse(layer: Descriptor, bytes: Uint8Array): Candidate {
  if (layer.mediaType === simpleSigningType) return payloadCandidate(layer, bytes);
  return layer.mediaType === envelopeType ? envelopeCandidate(layer, bytes) : bundleCandidate(bytes);
}

// The parsers of the libraries throw whatever comes when what they are given is hostile.
function reading(task: () => Candidate): Candidate {
  try {
    return task();
  } catch (cause) {
    const said = cause instanceof Error ? cause.message : String(cause);
    throw new Rejection("MALFORMED", `it cannot be read: ${said}`, { cause });
  }
}

// Content that is not there, or not what its digest says, is no signature. A registry that does not answer is a failure.
async function attempt<T>(task: () => Promise<T>): Promise<T | Rejection> {
  try {
    return await task();
  } catch (cause) {
    if (!(cause instanceof OciError) && !(cause instanceof SyntaxError)) throw cause;
    return new Rejection("CONTENT", cause.message, { cause });
  }
}

function rethrow(rejection: Rejection): () => never {
  return () => {
    throw rejection;
  };
}
