import type { Bytes, Options } from "@lading/oci";
import { RegistryError } from "../errors.ts";
import type { Attempts, RegistryResponse } from "../transport/registry-host.ts";
import { parseUploadRange } from "./content-range.ts";
import { describe, pushing } from "./remote.ts";
import type { UploadSession } from "./upload-session.ts";
import { bodyOf, type UploadSource } from "./upload-source.ts";

const smallest = 1024 * 1024;
const largest = 8 * 1024 * 1024;
// Chunks of one size that must arrive before longer ones are tried.
const chunksBeforeGrowth = 8;

/**
 * Sends a blob as PATCHes with Content-Range, one after the other. A chunk that breaks is sent again
 * from where the registry says it stopped; throws a transient RegistryError when it does not say, so
 * that the upload begins anew.
 */
export async function sendInChunks(
  session: UploadSession,
  source: UploadSource,
  attempts: Attempts,
  options: Options,
): Promise<void> {
  const { memory } = session.remote.host;
  const floor = Math.max(smallest, session.minimumChunk);
  const ceiling = Math.max(floor, Number(memory.get("chunk") ?? largest));
  let size = floor;
  let arrived = 0;
  let start = 0;
  for await (const chunk of gathered(source.open(options), () => size)) {
    const whole = await sendChunk(session, chunk, start, attempts, options);
    start += chunk.byteLength;
    attempts.progressed();
    arrived += 1;
    if (!whole) {
      // Something on the way does not like long requests.
      size = Math.max(floor, Math.floor(size / 2));
      memory.set("chunk", String(size));
      arrived = -Infinity;
    } else if (arrived >= chunksBeforeGrowth && size * 2 <= ceiling) {
      size *= 2;
      arrived = 0;
    }
  }
}

/** Returns whether it went through at once. */
async function sendChunk(
  session: UploadSession,
  chunk: Uint8Array,
  start: number,
  attempts: Attempts,
  options: Options,
): Promise<boolean> {
  const end = start + chunk.byteLength;
  let position = start;
  let whole = true;
  // An answer of 416 tells where to go on; one that tells nothing new would do so for ever.
  for (let refusals = 0; position < end;) {
    try {
      const response = await patch(session, chunk.subarray(position - start), position, options);
      session.follow(response);
      const received = parseUploadRange(response.header("range"));
      if (response.status !== 416) {
        // Less than all, and more than before: the registry took a part. Anything else is stale (ECR) or off by one.
        position = received !== undefined && received > position && received < end - 1 ? received : end;
        continue;
      }
      refusals += 1;
      const known = received ?? (await session.received(options));
      if (known === undefined || known < start || known > end || refusals > 2) throw lost(session, response.status);
      position = known;
    } catch (error) {
      options.signal?.throwIfAborted();
      if (error instanceof RegistryError && error.transient) whole = false;
      // Throws what no further attempt can mend.
      await attempts.failed(error);
      const known = await session.received(options);
      if (known === undefined || known < start || known > end + 1) throw lost(session, undefined);
      // Quay counts one too many; if it was right, it refuses the byte and says so.
      position = Math.min(known, end);
    }
  }
  return whole;
}

async function patch(
  session: UploadSession,
  bytes: Uint8Array,
  position: number,
  { signal }: Options,
): Promise<RegistryResponse> {
  const response = await session.remote.host.exchange({
    method: "PATCH",
    url: session.location,
    headers: {
      "content-type": "application/octet-stream",
      // Without the unit, unlike everywhere else (distribution-spec §Pushing a blob in chunks).
      "content-range": `${position}-${position + bytes.byteLength - 1}`,
    },
    body: bodyOf(bytes),
    scopes: pushing(session.remote),
    allow: [416],
    signal,
  });
  await response.discard();
  return response;
}

function lost({ remote }: UploadSession, status: number | undefined): RegistryError {
  return new RegistryError("UNAVAILABLE", `Cannot upload to ${describe(remote)}: the registry lost the upload`, {
    transient: true,
    ...(status === undefined ? {} : { status }),
  });
}

/** The same bytes in pieces of `size()` bytes, the last one shorter. */
async function* gathered(bytes: Bytes, size: () => number): AsyncGenerator<Uint8Array> {
  let parts: Uint8Array[] = [];
  let wanted = size();
  let missing = wanted;
  for await (let chunk of bytes) {
    while (chunk.byteLength >= missing) {
      yield Buffer.concat([...parts, chunk.subarray(0, missing)], wanted);
      chunk = chunk.subarray(missing);
      parts = [];
      wanted = size();
      missing = wanted;
    }
    // Copied when it ends up in a piece: chunks of others are not held for long.
    if (chunk.byteLength > 0) parts.push(chunk);
    missing -= chunk.byteLength;
  }
  if (parts.length > 0) yield Buffer.concat(parts);
}
