import {
  type Descriptor,
  detectMediaType,
  type Digest,
  digestAlgorithm,
  digestOf,
  documentLimit,
  isDigest,
  isDocumentType,
  isIndexType,
  isManifestType,
  mediaTypes,
  type Options,
  OciError,
  parseIndex,
  parseManifest,
} from "@lading/oci";
import { RegistryError } from "../errors.ts";
import type { RegistryResponse } from "../transport/registry-host.ts";
import { parseContentLength } from "./content-length.ts";
import { parseContentType } from "./content-type.ts";
import { contradiction, isNotFound, WrongContentError } from "./failures.ts";
import { describe, manifestUrl, pulling, type RemoteRepository } from "./remote.ts";
import { getWhole, type WholeAnswer } from "./whole-body.ts";

/** A document with its address, verified. */
export interface ManifestDocument {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
}

// All of them always: Quay makes a schema 1 manifest of what the client does not name.
const documentTypes = [
  mediaTypes.ociIndex,
  mediaTypes.dockerIndex,
  mediaTypes.ociManifest,
  mediaTypes.dockerManifest,
].join(", ");

// Asks for a document: of any type when it is named by digest, and so cannot be another.
function acceptDocuments(tagOrDigest: string): { readonly accept: string } {
  return { accept: isDigest(tagOrDigest) ? `${documentTypes}, */*;q=0.1` : documentTypes };
}

/**
 * What a tag or digest names, by HEAD: Docker Hub counts GETs. Where that does not tell enough, by
 * GET: `document` is there then. Throws RegistryError NOT_FOUND, UNSUPPORTED for schema 1,
 * INVALID_RESPONSE when the answer contradicts the digest or itself.
 */
export async function resolveManifest(
  remote: RemoteRepository,
  tagOrDigest: string,
  options: Options = {},
): Promise<{ readonly descriptor: Descriptor; readonly document?: ManifestDocument }> {
  const head = await headManifest(remote, tagOrDigest, options);
  if (head !== undefined) return { descriptor: head };
  const document = await readManifest(remote, tagOrDigest, options);
  return { descriptor: document.descriptor, document };
}

/** Whether a document is there, under a digest. */
export async function hasManifest(
  remote: RemoteRepository,
  { digest }: Descriptor,
  options: Options & { readonly scopes: ReturnType<typeof pulling> },
): Promise<boolean> {
  try {
    if ((await headManifest(remote, digest, options)) === undefined) await readManifest(remote, digest, options);
    return true;
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
}

interface ReadOptions extends Options {
  readonly scopes?: ReturnType<typeof pulling>;
}

// Undefined when only a GET can tell.
async function headManifest(
  remote: RemoteRepository,
  tagOrDigest: string,
  { signal, scopes = pulling(remote) }: ReadOptions,
): Promise<Descriptor | undefined> {
  if (remote.host.memory.get("head-manifest") === "no") return undefined;
  const response = await remote.host.send({
    method: "HEAD",
    url: manifestUrl(remote, tagOrDigest),
    headers: acceptDocuments(tagOrDigest),
    scopes,
    // 403: Artifactory, for what is not there. What it means, the GET says in words.
    allow: [400, 403, 405, 501],
    signal,
  });
  await response.discard();
  if (response.status === 405 || response.status === 501) remote.host.memory.set("head-manifest", "no");
  if (response.status !== 200) return undefined;
  const mediaType = parseContentType(response.header("content-type"));
  refuseSchema1(mediaType, describe(remote, tagOrDigest));
  const size = parseContentLength(response.header("content-length"));
  const digest = statedDigest(response, tagOrDigest, describe(remote, tagOrDigest));
  if (digest === undefined || size === undefined || size === 0) return undefined;
  if (mediaType === undefined || !isDocumentType(mediaType)) return undefined;
  if (size > documentLimit) throw tooLong(remote, tagOrDigest, size);
  return { mediaType, digest, size };
}

/** Reads a document by tag or digest; `expected` is what a descriptor says of it. Throws as `resolveManifest`, WrongContentError. */
export async function readManifest(
  remote: RemoteRepository,
  tagOrDigest: string,
  options: ReadOptions & { readonly expected?: Descriptor } = {},
): Promise<ManifestDocument> {
  const { signal, scopes = pulling(remote), expected } = options;
  const { accept } = acceptDocuments(tagOrDigest);
  // What arrived wrong is fetched once more, whatever the budget of the host.
  for (let again = true; ; again = false) {
    const answer = await getWhole(
      remote.host,
      {
        url: manifestUrl(remote, tagOrDigest),
        headers: { accept: expected === undefined ? accept : `${expected.mediaType}, ${accept}` },
        scopes,
        signal,
      },
      documentLimit,
    );
    try {
      return identify(answer, remote, tagOrDigest, expected);
    } catch (error) {
      if (!again || !(error instanceof WrongContentError)) throw error;
    }
  }
}

function identify(
  { response, body }: WholeAnswer,
  remote: RemoteRepository,
  tagOrDigest: string,
  expected: Descriptor | undefined,
): ManifestDocument {
  const what = describe(remote, tagOrDigest);
  const type = parseContentType(response.header("content-type"));
  refuseSchema1(type, what);
  if (type === "text/html")
    throw new RegistryError("INVALID_RESPONSE", `Cannot read ${what}: ${remote.host.registry} answered with HTML`, {
      hint: `Check that ${remote.host.base.host} is a registry and not a web site or a login page`,
    });
  const digest = verifiedDigest(body, response, tagOrDigest, what);
  const mediaType = mediaTypeOf(body, type, expected, what);
  const descriptor = { mediaType, digest, size: body.byteLength };
  if (expected !== undefined && body.byteLength !== expected.size) {
    // The bytes are right, so the size is not: Harbor's HEAD tells another length than its GET.
    remote.host.memory.set("head-manifest", "no");
    throw new WrongContentError(
      "SIZE_MISMATCH",
      `Cannot read ${what}: ${body.byteLength} instead of ${expected.size} bytes`,
    );
  }
  return { descriptor, bytes: body };
}

function verifiedDigest(body: Uint8Array, response: RegistryResponse, tagOrDigest: string, what: string): Digest {
  const stated = statedDigest(response, tagOrDigest, what);
  const expected = isDigest(tagOrDigest) ? tagOrDigest : stated;
  const actual = digestOf(body, expected === undefined ? "sha256" : digestAlgorithm(expected));
  if (expected !== undefined && actual !== expected)
    throw new WrongContentError("DIGEST_MISMATCH", `Cannot read ${what}: the content is ${actual}, not ${expected}`);
  return actual;
}

/** Docker-Content-Digest, when it is usable. Throws RegistryError INVALID_RESPONSE when another digest was asked for. */
function statedDigest(response: RegistryResponse, tagOrDigest: string, what: string): Digest | undefined {
  const stated = response.header("docker-content-digest");
  if (stated === undefined || !isDigest(stated)) return undefined;
  if (!isDigest(tagOrDigest) || stated === tagOrDigest) return stated;
  // A registry may know content by another algorithm too; then only its bytes can tell.
  if (digestAlgorithm(stated) !== digestAlgorithm(tagOrDigest)) return undefined;
  throw contradiction(what, tagOrDigest, stated);
}

/** The type of a document on which header, content and descriptor agree (CVE-2021-41190). */
function mediaTypeOf(
  bytes: Uint8Array,
  type: string | undefined,
  expected: Descriptor | undefined,
  what: string,
): string {
  const lie = (detail: string, cause?: unknown): RegistryError =>
    new RegistryError("INVALID_RESPONSE", `Cannot read ${what}: ${detail}`, { cause });
  const wanted = expected?.mediaType;
  const known = type !== undefined && isDocumentType(type) ? type : undefined;
  if (known !== undefined && wanted !== undefined && isDocumentType(wanted) && known !== wanted)
    throw lie(`its Content-Type is "${known}", its descriptor says "${wanted}"`);
  // Of no use to anyone: JSON as such, or nothing.
  const vague = type === undefined || ["application/json", "application/octet-stream", "text/plain"].includes(type);
  const mediaType = wanted ?? known ?? detectMediaType(bytes) ?? (vague ? undefined : type);
  try {
    if (mediaType !== undefined && isIndexType(mediaType)) parseIndex(bytes, mediaType, what);
    // What nobody names may be schema 1, and is called so.
    if (mediaType === undefined || isManifestType(mediaType)) parseManifest(bytes, mediaType, what);
  } catch (error) {
    // A document that others would call invalid too is said to be so by whoever reads it.
    const unsupported = error instanceof OciError && error.code === "UNSUPPORTED";
    if (unsupported || (expected === undefined && mediaType !== undefined)) throw error;
  }
  if (mediaType === undefined) throw lie("it is neither a manifest nor an index");
  return mediaType;
}

const schema1Type = /^application\/vnd\.docker\.distribution\.manifest\.v1\+(?:(?:pretty)?jws|json)$/;

function refuseSchema1(type: string | undefined, what: string): void {
  if (type !== undefined && schema1Type.test(type)) throw schema1(what);
}

function schema1(what: string): RegistryError {
  return new RegistryError("UNSUPPORTED", `Cannot read ${what}: it is a manifest of Docker schema 1`, {
    hint: "Push the image again with a current tool, or ask the registry to convert it",
  });
}

function tooLong(remote: RemoteRepository, tagOrDigest: string, size: number): RegistryError {
  return new RegistryError(
    "INVALID_RESPONSE",
    `Cannot read ${describe(remote, tagOrDigest)}: ${size} bytes are more than the ${documentLimit} of a manifest`,
  );
}
