import { BuildError, type FetchedFile } from "@lading/builder";
import type { Options } from "@lading/oci";
import { needsNetwork } from "../offline.ts";

/** What ADD may fetch, in bytes: it is kept in memory until it is in a layer. */
const limit = 2 ** 30;

/**
 * Gets a file by HTTP or HTTPS, for ADD. Redirects are followed. Throws BuildError with what was asked for and what came back.
 */
export async function fetchFile(url: string, { signal }: Options = {}): Promise<FetchedFile> {
  needsNetwork(`fetch "${url}"`);
  const failed = (why: string, cause?: unknown): BuildError =>
    new BuildError("SOURCE_MISSING", `Cannot fetch "${url}": ${why}`, { cause });
  let response: Response;
  try {
    response = await fetch(url, { signal: signal ?? null });
  } catch (cause) {
    signal?.throwIfAborted();
    const reason = cause instanceof Error && cause.cause instanceof Error ? cause.cause.message : String(cause);
    throw failed(reason, cause);
  }
  if (!response.ok) throw failed(`the answer is ${response.status} ${response.statusText}`.trim());
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength;
    if (size > limit) throw failed(`it is larger than ${limit} bytes`);
    chunks.push(chunk);
  }
  const modified = Date.parse(response.headers.get("last-modified") ?? "");
  return { bytes: Buffer.concat(chunks), ...(Number.isNaN(modified) ? {} : { mtime: Math.floor(modified / 1000) }) };
}
