import type { Descriptor, Digest } from "@lading/oci";
import { chunkSpan } from "./byte-range.ts";
import { askedRepository, type Exchange, locationOf, parseDigestOf } from "./exchange.ts";
import { Problem } from "./problem.ts";
import type { Upload, Uploads } from "./uploads.ts";

/** POST …/blobs/uploads/ (end-4a, end-4b, end-11): begins an upload, is one, or mounts what is here already. */
export async function startUpload(exchange: Exchange): Promise<void> {
  const { route, request, response } = exchange;
  const uploads = writableUploads(exchange);
  const { name } = askedRepository(exchange);
  const mount = route.query.get("mount");
  if (mount !== null && (await mounted(exchange, parseDigestOf(mount)))) return;

  const digest = route.query.get("digest");
  const expected = digest === null ? undefined : parseDigestOf(digest);
  const algorithm = route.query.get("digest-algorithm");
  if (algorithm !== null && algorithm !== "sha256" && algorithm !== "sha512")
    throw new Problem(
      400,
      "DIGEST_INVALID",
      `Cannot hash with ${JSON.stringify(algorithm.slice(0, 100))}: sha256 and sha512 are known`,
    );
  const upload = uploads.start(name);
  if (expected === undefined) {
    sendStatus(exchange, upload, 202);
    return;
  }
  try {
    await upload.append(request);
  } catch (error) {
    await uploads.cancel(upload);
    throw error;
  }
  sendCreated(exchange, await uploads.finish(upload, expected));
  response.end();
}

/** PATCH (end-5): the next part; with Content-Range it must begin where the last one ended. */
export async function patchUpload(exchange: Exchange): Promise<void> {
  const { request } = exchange;
  const upload = askedUpload(exchange);
  await upload.alone(async () => {
    checkChunk(exchange, upload);
    await upload.append(request);
  });
  sendStatus(exchange, upload, 202);
}

/** PUT (end-6): the last part, which may be all or nothing, and the digest of the whole. */
export async function putUpload(exchange: Exchange): Promise<void> {
  const { route, request, response } = exchange;
  const uploads = writableUploads(exchange);
  const upload = askedUpload(exchange);
  const digest = parseDigestOf(route.query.get("digest"));
  await upload.alone(async () => {
    checkChunk(exchange, upload);
    await upload.append(request);
    sendCreated(exchange, await uploads.finish(upload, digest));
  });
  response.end();
}

/** GET (end-13): how far the upload has come. */
export async function sendUploadStatus(exchange: Exchange): Promise<void> {
  const upload = askedUpload(exchange);
  await upload.alone(async () => sendStatus(exchange, upload, 204));
}

/** DELETE (end-14). */
export async function cancelUpload(exchange: Exchange): Promise<void> {
  await writableUploads(exchange).cancel(askedUpload(exchange));
  exchange.response.writeHead(204).end();
}

async function mounted(exchange: Exchange, digest: Digest): Promise<boolean> {
  const { route, catalog, response, mayPull, signal } = exchange;
  const ns = route.query.get("ns");
  const from = route.query.get("from");
  const candidates = (from === null ? await catalog.paths() : [from]).filter(mayPull);
  for (const path of candidates) {
    const held = await catalog.repository(path, from === null ? null : ns).holds("blob", digest, { signal });
    const found = held && (await catalog.backing.find(digest, held.mediaType));
    if (found === undefined) continue;
    sendCreated(exchange, found);
    response.end();
    return true;
  }
  return false;
}

function checkChunk(exchange: Exchange, upload: Upload): void {
  const { route, request, minimalChunk } = exchange;
  const span = chunkSpan(request.headers["content-range"]);
  if (span === undefined) return;
  if (span === "malformed")
    throw new Problem(
      400,
      "BLOB_UPLOAD_INVALID",
      `Cannot read the Content-Range ${JSON.stringify(request.headers["content-range"])}`,
    );
  const headers = { location: uploadLocation(exchange, upload), range: rangeOf(upload) };
  if (span.start !== upload.size)
    throw new Problem(416, "BLOB_UPLOAD_INVALID", `Cannot take bytes from ${span.start}: ${upload.size} are here`, {
      headers,
    });
  const length = request.headers["content-length"];
  if (length !== undefined && Number(length) !== span.length)
    throw new Problem(400, "SIZE_INVALID", `Cannot take ${length} bytes for a Content-Range of ${span.length}`, {
      headers,
    });
  if (minimalChunk !== undefined && span.length < minimalChunk && route.operation === "patch-upload")
    throw new Problem(
      416,
      "SIZE_INVALID",
      `Cannot take a chunk of ${span.length} bytes: ${minimalChunk} is the least`,
      { headers },
    );
}

function askedUpload(exchange: Exchange): Upload {
  return writableUploads(exchange).get(exchange.route.upload ?? "", askedRepository(exchange).name);
}

export function writableUploads({ uploads }: Exchange): Uploads {
  if (uploads !== undefined) return uploads;
  throw new Problem(405, "UNSUPPORTED", "Cannot change anything here: this registry is read-only");
}

function sendStatus(exchange: Exchange, upload: Upload, status: number): void {
  const { response, minimalChunk } = exchange;
  response
    .writeHead(status, {
      location: uploadLocation(exchange, upload),
      range: rangeOf(upload),
      "docker-upload-uuid": upload.id,
      ...(minimalChunk === undefined ? {} : { "oci-chunk-min-length": minimalChunk }),
      ...(status === 204 ? {} : { "content-length": 0 }),
    })
    .end();
}

// Written before the answer goes out, so that whoever has it finds the blob.
function sendCreated(exchange: Exchange, descriptor: Descriptor): void {
  const { catalog, response } = exchange;
  catalog.add(askedRepository(exchange).name, "blob", descriptor);
  response.writeHead(201, {
    location: locationOf(exchange, `blobs/${descriptor.digest}`),
    "docker-content-digest": descriptor.digest,
    "content-length": 0,
  });
}

function uploadLocation(exchange: Exchange, upload: Upload): string {
  return locationOf(exchange, `blobs/uploads/${upload.id}`);
}

// `0-0` is one byte as well as none (distribution-spec issues); everyone writes none like this.
function rangeOf({ size }: Upload): string {
  return `0-${Math.max(size - 1, 0)}`;
}
