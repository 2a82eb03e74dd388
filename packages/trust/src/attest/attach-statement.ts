import {
  copy,
  type Descriptor,
  digestAlgorithm,
  digestHex,
  jsonBytes,
  mediaTypes,
  MemoryStore,
  type Options,
  type Sink,
} from "@lading/oci";
import { type Statement, statementType } from "./statement.ts";

export interface AttachOptions extends Options {
  /**
   * Makes a Sigstore bundle (v0.3, a DSSE envelope) of the statement's bytes, which is attached in its place. Without it
   * the statement is attached as it is, and vouched for by nobody.
   */
  readonly sign?: ((statement: Uint8Array) => Promise<Uint8Array>) | undefined;
  /** For `org.opencontainers.image.created`; left out when not given, so that the same statement is the same manifest. */
  readonly created?: Date | undefined;
}

const bundleType = "application/vnd.dev.sigstore.bundle.v0.3+json";

/**
 * Attaches a statement to a manifest or index that is one of its subjects: as a manifest of its own in the same place,
 * which names it as `subject` (image-spec manifest.md §Guidelines for Artifact Usage). Returns its descriptor as lists of referrers have it.
 * Throws TypeError for a statement about something else.
 */
export async function attachStatement(
  sink: Sink,
  subject: Descriptor,
  statement: Statement,
  { sign, created, signal }: AttachOptions = {},
): Promise<Descriptor> {
  const { mediaType, digest, size } = subject;
  const algorithm = digestAlgorithm(digest);
  if (!statement.subject.some((one) => one.digest[algorithm] === digestHex(digest)))
    throw new TypeError(`Cannot attach a statement to ${digest}: it is about something else`);
  const bytes = jsonBytes(statement);
  const content = sign === undefined ? bytes : await sign(bytes);
  const artifactType = sign === undefined ? statementType : bundleType;
  const annotations = {
    // The words of cosign for a bundle, and of BuildKit for a statement.
    ...(sign === undefined
      ? { "in-toto.io/predicate-type": statement.predicateType }
      : {
          "dev.sigstore.bundle.content": "dsse-envelope",
          "dev.sigstore.bundle.predicateType": statement.predicateType,
        }),
    ...(created === undefined
      ? {}
      : { "org.opencontainers.image.created": created.toISOString().replace(/\.\d{3}Z$/, "Z") }),
  };
  const memory = new MemoryStore();
  const layer = await memory.write(once(content), artifactType);
  const manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    artifactType,
    config: await memory.write(once(jsonBytes({})), mediaTypes.ociEmpty),
    layers: [
      sign === undefined ? { ...layer, annotations: { "in-toto.io/predicate-type": statement.predicateType } } : layer,
    ],
    subject: { mediaType, digest, size },
    annotations,
  };
  const written = await memory.write(once(jsonBytes(manifest)), mediaTypes.ociManifest);
  await copy(memory, sink, written, { signal });
  const descriptor = { ...written, artifactType, annotations };
  await sink.keep?.(descriptor, { signal });
  return descriptor;
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
