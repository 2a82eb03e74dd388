import type { IncomingMessage } from "node:http";
import {
  type Descriptor,
  digestOf,
  type Index,
  isDigest,
  isIndexType,
  isManifestType,
  isTag,
  type Manifest,
  OciError,
  parseIndex,
  parseManifest,
  readBlob,
  successors,
} from "@lading/oci";
import { isFresh } from "./blobs.ts";
import type { Repository } from "./catalog.ts";
import type { Kind } from "./closure.ts";
import { askedRepository, type Exchange, locationOf, parseDigestOf } from "./exchange.ts";
import { Problem } from "./problem.ts";
import { writableUploads } from "./upload-requests.ts";

/** The largest manifest that is taken; the distribution-spec has no registry refuse less. */
const manifestLimit = 4 * 1024 * 1024;

/** GET and HEAD of a manifest (end-3). What is there is sent as it is, whatever Accept says: another type would be other content. */
export async function sendManifest(exchange: Exchange): Promise<void> {
  const { route, request, response, catalog, signal } = exchange;
  const repository = askedRepository(exchange);
  const descriptor = await findManifest(exchange, repository);
  const { digest, mediaType, size } = descriptor;
  const etag = `"${digest}"`;
  const ns = route.query.get("ns");
  response.setHeaders(
    new Map([
      ["docker-content-digest", digest],
      ["etag", etag],
      ["content-type", mediaType],
      ...(ns === null ? [] : [["oci-namespace", ns] as const]),
    ]),
  );
  if (isFresh(request.headers["if-none-match"], etag)) return void response.writeHead(304).end();
  if (route.method === "HEAD") return void response.writeHead(200, { "content-length": size }).end();
  const bytes = await readBlob(catalog.backing.source.blob(descriptor), { signal });
  response.writeHead(200, { "content-length": size }).end(bytes);
}

/** PUT of a manifest by tag or digest, with more tags as `?tag=` (end-7a, end-7b). */
export async function putManifest(exchange: Exchange): Promise<void> {
  const { route, request, response, catalog, signal } = exchange;
  writableUploads(exchange);
  const { store } = catalog.backing;
  const repository = askedRepository(exchange);
  const reference = route.reference ?? "";
  const tags = [...(isDigest(reference) ? [] : [reference]), ...route.query.getAll("tag")].map(checkTag);
  const mediaType = (request.headers["content-type"] ?? "").split(";")[0]?.trim() ?? "";
  const bytes = await readBody(request);
  const digest = isDigest(reference) ? reference : parseDigestOf(route.query.get("digest") ?? digestOf(bytes));
  const actual = digestOf(bytes, digest.startsWith("sha512:") ? "sha512" : "sha256");
  if (actual !== digest) throw new Problem(400, "DIGEST_INVALID", `Cannot store ${digest}: the content is ${actual}`);

  const descriptor: Descriptor = { mediaType, digest, size: bytes.byteLength };
  const document = parseDocument(bytes, mediaType);
  const blob = { descriptor, open: () => once(bytes) };
  // Children first, as everywhere: what a name leads to is there.
  for (const child of await successors(
    { resolve: () => Promise.reject(new Error("No names")), blob: () => blob },
    descriptor,
  ))
    if (!(await isHere(exchange, repository, child)))
      throw new Problem(
        404,
        "MANIFEST_BLOB_UNKNOWN",
        `Cannot store ${digest}: ${child.digest} is not in ${route.repository}`,
        {
          detail: { digest: child.digest },
        },
      );
  await store?.push(blob, { signal });
  catalog.add(repository.name, "manifest", descriptor);
  for (const tag of tags) await store?.tag(descriptor, catalog.storedName({ ...repository.name, tag }), { signal });
  // No tag leads to a signature: without an entry of its own it would be lost with this process.
  if (tags.length === 0 && document.subject !== undefined) await store?.keep?.(descriptor, { signal });
  response
    .writeHead(201, {
      location: locationOf(exchange, `manifests/${reference}`),
      "docker-content-digest": digest,
      "content-length": 0,
      ...(document.subject === undefined ? {} : { "oci-subject": document.subject.digest }),
      ...(route.query.has("tag") ? { "oci-tag": tags.join(", ") } : {}),
    })
    .end();
}

/** DELETE of a tag, or by digest of the manifest with all its tags here (end-9). The bytes stay: other images may share them. */
export async function deleteManifest(exchange: Exchange): Promise<void> {
  const { catalog, response } = exchange;
  writableUploads(exchange);
  const repository = askedRepository(exchange);
  const { digest } = await findManifest(exchange, repository);
  await catalog.remove(repository, exchange.route.reference ?? "", digest);
  response.writeHead(202, { "content-length": 0 }).end();
}

async function findManifest({ route, catalog, signal }: Exchange, repository: Repository): Promise<Descriptor> {
  const reference = route.reference ?? "";
  if (!isDigest(reference)) {
    if (reference.includes(":")) parseDigestOf(reference);
    checkTag(reference);
  }
  const held = isDigest(reference)
    ? await repository.holds("manifest", reference, { signal })
    : await repository.byTag(reference);
  const found = held && (await catalog.backing.find(held.digest, held.mediaType));
  if (found !== undefined) return found;
  if (!(await repository.exists()))
    throw new Problem(404, "NAME_UNKNOWN", `Cannot find the repository ${JSON.stringify(route.repository)}`);
  throw new Problem(404, "MANIFEST_UNKNOWN", `Cannot find ${JSON.stringify(reference)} in ${route.repository}`);
}

/** Reads a document by its type. Throws Problem MANIFEST_INVALID. */
function parseDocument(bytes: Uint8Array, mediaType: string): Manifest | Index {
  try {
    if (isManifestType(mediaType)) return parseManifest(bytes, mediaType);
    if (isIndexType(mediaType)) return parseIndex(bytes, mediaType);
  } catch (cause) {
    if (!(cause instanceof OciError)) throw cause;
    throw new Problem(400, "MANIFEST_INVALID", cause.message, { cause });
  }
  throw new Problem(
    400,
    "MANIFEST_INVALID",
    `Cannot store a manifest as ${JSON.stringify(mediaType)}: not a type of OCI or Docker schema 2`,
  );
}

async function isHere({ catalog, signal }: Exchange, repository: Repository, child: Descriptor): Promise<boolean> {
  const kind: Kind = isManifestType(child.mediaType) || isIndexType(child.mediaType) ? "manifest" : "blob";
  const held = await repository.holds(kind, child.digest, { signal });
  return held !== undefined && (await catalog.backing.find(child.digest, child.mediaType)) !== undefined;
}

async function readBody(request: IncomingMessage): Promise<Uint8Array> {
  const tooLarge = (): Problem =>
    new Problem(413, "SIZE_INVALID", `Cannot take a manifest of more than ${manifestLimit} bytes`);
  if (Number(request.headers["content-length"] ?? 0) > manifestLimit) throw tooLarge();
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of bytesOf(request)) {
    size += chunk.byteLength;
    if (size > manifestLimit) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function bytesOf(request: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  return request;
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

function checkTag(tag: string): string {
  if (isTag(tag)) return tag;
  throw new Problem(404, "MANIFEST_UNKNOWN", `Cannot use ${JSON.stringify(tag.slice(0, 200))} as a tag`);
}
