import type { BuildResult } from "@lading/builder";
import {
  type Digest,
  digestOf,
  formatReference,
  isTag,
  LayoutStore,
  MemoryStore,
  OciError,
  type Options,
  type Source,
} from "@lading/oci";
import { type Artifact, attestImage, type ImageSigner, signImage } from "@lading/trust";
import { type Destination, hasRoom } from "../destination.ts";
import { isReference } from "../locate.ts";
import { attempting, type Registries } from "../registries.ts";
import { type BuildStatement, subjectsOf } from "./attest-build.ts";
import type { AskedSignature } from "./sign-flags.ts";

/** Something that was attached to an image. */
export interface Attached {
  /** The image or index that it is about. */
  readonly subject: Digest;
  /** Absent for an index. */
  readonly platform?: string;
  /** Of the manifest that carries it; absent for what is at a tag alone. */
  readonly digest?: Digest;
}

/** A statement that was attached to an image. */
export interface Attestation extends Attached {
  readonly predicateType: string;
}

/** What lies beside what was built, wherever it goes. */
export interface BesideBuild {
  readonly attestations: readonly Attestation[];
  readonly signatures: readonly Attached[];
  /** What a destination gets, if it takes more than an image: of tags, what they have there already stays. */
  readonly artifactsFor: (destination: Destination) => Promise<readonly Artifact[]>;
}

export interface BesideOptions extends Options {
  readonly registries: Registries;
  /** The names of the image, for destinations that give none themselves. */
  readonly names: readonly string[];
  /** When signatures say that they were made. */
  readonly created: Date;
}

/** Attests `statements` of what was built, and signs all of it when `signature` says by whom. Throws TrustError. */
export async function besideBuild(
  result: BuildResult,
  statements: readonly BuildStatement[],
  signature: AskedSignature | undefined,
  { registries, names, created, signal }: BesideOptions,
): Promise<BesideBuild> {
  const signing = signature && { signer: signingOnce(signature.signer), created, signal };
  const bundles = signature === undefined || signature.forms.includes("bundle") ? (["bundle"] as const) : [];
  const nowhere = new MemoryStore();
  const everywhere: Artifact[] = [];
  const attestations: Attestation[] = [];
  const signatures: Attached[] = [];
  const tell = (platform: string | undefined, subject: Digest, [artifact]: readonly Artifact[]): Attached => {
    if (artifact !== undefined) everywhere.push(artifact);
    return {
      subject,
      ...(platform === undefined ? {} : { platform }),
      ...(artifact === undefined ? {} : { digest: artifact.descriptor.digest }),
    };
  };
  for (const { subject, platform, statement } of statements) {
    const made = await attestImage(subject, [statement], nowhere, { ...signing, forms: bundles });
    attestations.push({ ...tell(platform, subject.digest, made), predicateType: statement.predicateType });
  }
  const subjects = signing === undefined ? [] : subjectsOf(result);
  if (signing !== undefined)
    for (const { subject, platform } of subjects) {
      const made = await signImage(signing.signer, subject, nowhere, { ...signing, forms: bundles });
      signatures.push(tell(platform, subject.digest, made));
    }

  const tagsFor = async (destination: Destination): Promise<readonly Artifact[]> => {
    if (signing === undefined || signature?.forms.includes("tag") !== true) return [];
    const place = await placeOf(destination, registries);
    const references = namesAt(destination, names);
    const tagged: Artifact[] = [];
    for (const { subject } of subjects) {
      const own = statements.filter((one) => one.subject.digest === subject.digest).map(({ statement }) => statement);
      const options = { ...signing, forms: ["tag"] as const };
      tagged.push(
        ...(await attestImage(subject, own, place, options)),
        ...(await signImage(signing.signer, subject, place, { ...options, references })),
      );
    }
    return tagged;
  };
  return {
    attestations,
    signatures,
    artifactsFor: async (destination) =>
      hasRoom(destination)
        ? await attempting(`Cannot push ${destination.shown}`, async () => [
            ...everywhere,
            ...(await tagsFor(destination)),
          ])
        : [],
  };
}

/** Where signatures may be that stay. An archive is written anew. */
async function placeOf(destination: Destination, registries: Registries): Promise<Source> {
  if (destination.kind === "registry") return await registries.repository(destination.reference);
  if (destination.kind === "file" && destination.place.transport === "oci")
    try {
      return await LayoutStore.open(destination.place.path);
    } catch (error) {
      if (!(error instanceof OciError) || error.code !== "NOT_FOUND") throw error;
    }
  return new MemoryStore();
}

/** The full names that an image is to have at a destination; of a registry's without a tag its repository with a digest. */
function namesAt(destination: Destination, names: readonly string[]): readonly string[] {
  if (destination.kind === "registry") {
    const { reference, tags, digest } = destination;
    if (tags.length === 0 && digest !== undefined) return [formatReference({ ...reference, digest })];
    return tags.map((tag) => formatReference({ ...reference, tag }));
  }
  const own = destination.kind === "file" ? destination.place.name : destination.name;
  return (own === "" ? names : [own]).filter((name) => isReference(name) && !isTag(name));
}

/** Signs the same bytes once: an image goes to several places, and each signature may ask several services. */
function signingOnce(signer: ImageSigner): ImageSigner {
  return {
    statement: once(async (bytes) => await signer.statement(bytes)),
    payload: once(async (bytes) => await signer.payload(bytes)),
  };
}

function once<T>(sign: (bytes: Uint8Array) => Promise<T>): (bytes: Uint8Array) => Promise<T> {
  const signed = new Map<Digest, Promise<T>>();
  return async (bytes) => {
    const digest = digestOf(bytes);
    const result = signed.get(digest) ?? sign(bytes);
    signed.set(digest, result);
    return await result;
  };
}
