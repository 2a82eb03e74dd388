import { pipeline } from "node:stream/promises";
import { requestedSpan } from "./byte-range.ts";
import { askedRepository, type Exchange, parseDigestOf } from "./exchange.ts";
import { Problem } from "./problem.ts";

/** GET and HEAD of a blob (end-2), whole or in part. */
export async function sendBlob(exchange: Exchange): Promise<void> {
  const { route, request, response, catalog, signal } = exchange;
  const digest = parseDigestOf(route.reference);
  const held = await askedRepository(exchange).holds("blob", digest, { signal });
  const descriptor = held && (await catalog.backing.find(digest, held.mediaType));
  if (descriptor === undefined)
    throw new Problem(404, "BLOB_UNKNOWN", `Cannot find the blob ${digest} in ${route.repository}`);

  const { size } = descriptor;
  const etag = `"${digest}"`;
  response.setHeaders(
    new Map([
      ["docker-content-digest", digest],
      ["etag", etag],
      ["accept-ranges", "bytes"],
      // Of the bytes alone: which type a blob has is for manifests to say, and they may differ.
      ["content-type", "application/octet-stream"],
      ["cache-control", "max-age=31536000, immutable"],
    ]),
  );
  if (isFresh(request.headers["if-none-match"], etag)) return void response.writeHead(304).end();
  const span = route.method === "HEAD" ? undefined : requestedSpan(request.headers, size, etag);
  if (span === "unsatisfiable")
    throw new Problem(416, "SIZE_INVALID", `Cannot send ${request.headers.range} of ${digest}: it has ${size} bytes`, {
      headers: { "content-range": `bytes */${size}` },
    });
  const { start, length } = span ?? { start: 0, length: size };
  if (span !== undefined) response.setHeader("content-range", `bytes ${start}-${start + length - 1}/${size}`);
  response.writeHead(span === undefined ? 200 : 206, { "content-length": length });
  if (route.method === "HEAD" || length === 0) return void response.end();
  await pipeline(catalog.backing.read(descriptor, { start, length, signal }), response);
}

/** Whether an If-None-Match names what would be sent. */
export function isFresh(condition: string | undefined, etag: string): boolean {
  const tags = new Set((condition ?? "").split(",").map((tag) => tag.trim().replace(/^W\//, "")));
  return tags.has(etag) || tags.has("*");
}

export async function deleteBlob(): Promise<void> {
  throw new Problem(405, "UNSUPPORTED", "Cannot delete a blob: images share them");
}
