import {
  type Bytes,
  type Descriptor,
  isDocumentType,
  matches,
  type Options,
  tapBlob,
  verified,
  OciError,
  withKnown,
} from "@lading/oci";
import { RegistryError } from "../errors.ts";
import type { RegistryRequest, RegistryResponse } from "../transport/registry-host.ts";
import { releaseChunk } from "../transport/release-chunk.ts";
import { parseContentLength } from "./content-length.ts";
import { parseContentRange } from "./content-range.ts";
import { isNotFound, WrongContentError } from "./failures.ts";
import { blobUrl, describe, manifestUrl, pulling, type RemoteRepository } from "./remote.ts";

/**
 * The bytes of a blob, verified on the way. When the connection breaks, stalls or ends early they go
 * on where they stopped, at the same host and then at the next of `remotes`. Throws WrongContentError
 * when all came and is not the descriptor's, RegistryError NOT_FOUND when no host has it.
 */
export function downloadBlob(
  remotes: readonly RemoteRepository[],
  descriptor: Descriptor,
  options: Options = {},
): Bytes {
  const inline = inlineBytes(descriptor);
  const blob = {
    descriptor,
    open: () =>
      verified(
        inline === undefined
          ? withKnown(resumed(remotes, descriptor, options), { recycle: releaseChunk })
          : once(inline),
        descriptor,
      ),
  };
  return tapBlob(blob, { onError: (error) => wrongContent(error, remotes) }).open();
}

/** The content that a descriptor carries itself, when it is what the descriptor says. */
export function inlineBytes(descriptor: Descriptor): Uint8Array | undefined {
  const { data, size } = descriptor;
  // Four letters hold three bytes: no more is decoded than was claimed.
  if (data === undefined || data.length > Math.ceil(size / 3) * 4) return undefined;
  const bytes = Buffer.from(data, "base64");
  return matches(bytes, descriptor) ? bytes : undefined;
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

function wrongContent(error: unknown, remotes: readonly RemoteRepository[]): unknown {
  if (!(error instanceof OciError) || (error.code !== "DIGEST_MISMATCH" && error.code !== "SIZE_MISMATCH"))
    return error;
  const from = remotes.map((remote) => describe(remote)).join(" or ");
  return new WrongContentError(error.code, `${error.message} (from ${from})`, error);
}

// What a host must have sent, since its last failure, to be given all its attempts again.
const progress = 64 * 1024;

async function* resumed(
  remotes: readonly RemoteRepository[],
  descriptor: Descriptor,
  options: Options,
): AsyncGenerator<Uint8Array> {
  const { signal } = options;
  const hosts = remotes.map((remote) => placeAt(remote, descriptor));
  const others = elsewhere(remotes, descriptor);
  // Position of the next byte: all before it were given out.
  let position = 0;
  let failure: unknown;
  for (const place of [...hosts, ...others]) {
    const other = others.includes(place);
    if (other && !isNotFound(failure)) break;
    const attempts = place.remote.host.attempts(options);
    let ranges = true;
    for (;;) {
      let since = 0;
      try {
        const { bytes, rangesWork } = await openAt(place, descriptor, ranges ? position : 0, position, options);
        ranges = ranges && rangesWork;
        for await (const chunk of bytes) {
          position += chunk.byteLength;
          since += chunk.byteLength;
          if (since >= progress) attempts.progressed();
          yield chunk;
        }
        // More than there should be is for `verified` to refuse.
        if (position >= descriptor.size) return;
        throw endedEarly(place, descriptor, position);
      } catch (error) {
        signal?.throwIfAborted();
        if (error instanceof WrongContentError) throw error;
        if (error instanceof RangeRefusedError) {
          if (!ranges) throw error;
          ranges = false;
          continue;
        }
        try {
          await attempts.failed(error);
        } catch (final) {
          signal?.throwIfAborted();
          // What the last host said is told, not what was found at a foreign URL.
          if (!other) failure = final;
          break;
        }
      }
    }
  }
  throw failure;
}

/** Where a blob can be had. */
interface Place {
  readonly remote: RemoteRepository;
  readonly request: Pick<RegistryRequest, "url" | "scopes">;
}

function placeAt(remote: RemoteRepository, { digest }: Descriptor): Place {
  return { remote, request: { url: blobUrl(remote, digest), scopes: pulling(remote) } };
}

/** Where else it may be: `urls` of layers that are not to be distributed; documents of a type nobody knew to be one. */
function elsewhere(remotes: readonly RemoteRepository[], descriptor: Descriptor): readonly Place[] {
  const remote = remotes.at(-1);
  if (remote === undefined) return [];
  const { urls = [], digest, mediaType } = descriptor;
  const places = urls
    .filter((url) => /^https?:/i.test(url) && URL.canParse(url))
    .map((url): Place => ({ remote, request: { url: new URL(url), scopes: [] } }));
  const maybeDocument = !isDocumentType(mediaType) && /manifest|index/.test(mediaType);
  return maybeDocument
    ? [...places, { remote, request: { url: manifestUrl(remote, digest), scopes: pulling(remote) } }]
    : places;
}

/** The server does not give parts: it is asked for the whole, and what is known already is skipped. */
class RangeRefusedError extends RegistryError {
  constructor(descriptor: Descriptor, detail: string) {
    super("INVALID_RESPONSE", `Cannot read ${descriptor.digest}: ${detail}`);
  }
}

/** An answer's bytes from `position`, asked for from `start`: that, or 0. */
async function openAt(
  { remote, request }: Place,
  descriptor: Descriptor,
  start: number,
  position: number,
  { signal }: Options,
): Promise<{ readonly bytes: Bytes; readonly rangesWork: boolean }> {
  const response = await remote.host.exchange({
    ...request,
    method: "GET",
    ...(start === 0 ? {} : { headers: { range: `bytes=${start}-` } }),
    allow: start === 0 ? [] : [416],
    signal,
  });
  if (response.status === 206) {
    const range = parseContentRange(response.header("content-range"));
    const right = range?.first === start && (range.total === undefined || range.total === descriptor.size);
    if (right) return { bytes: response.body, rangesWork: true };
    await response.discard();
    throw new RangeRefusedError(descriptor, "the registry sent another part than it was asked for");
  }
  if (response.status !== 200) {
    await response.discard();
    throw new RangeRefusedError(descriptor, `the registry answered with ${response.status}`);
  }
  await refuseOtherLength(response, descriptor, remote);
  return { bytes: position === 0 ? response.body : without(response.body, position), rangesWork: start === 0 };
}

// A body that is too short may be the truth about a broken connection; one that is too long is another.
async function refuseOtherLength(
  response: RegistryResponse,
  descriptor: Descriptor,
  remote: RemoteRepository,
): Promise<void> {
  const length = parseContentLength(response.header("content-length"));
  if (length === undefined || length <= descriptor.size) return;
  await response.discard();
  throw new WrongContentError(
    "SIZE_MISMATCH",
    `Cannot read ${describe(remote, descriptor.digest)}: the registry has ${length} bytes of it, not ${descriptor.size}`,
  );
}

async function* without(bytes: Bytes, count: number): AsyncGenerator<Uint8Array> {
  let left = count;
  for await (const chunk of bytes) {
    if (left < chunk.byteLength) yield left === 0 ? chunk : chunk.subarray(left);
    left = Math.max(0, left - chunk.byteLength);
  }
}

function endedEarly({ remote }: Place, { digest, size }: Descriptor, position: number): RegistryError {
  return new RegistryError(
    "UNAVAILABLE",
    `Cannot read ${describe(remote, digest)}: it ended after ${position} of ${size} bytes`,
    { transient: true },
  );
}

/** Whether an answer says that the blob is there. By HEAD; by the first byte where that is not answered. */
export async function hasBlob(
  remote: RemoteRepository,
  descriptor: Descriptor,
  options: Options & { readonly scopes: ReturnType<typeof pulling> },
): Promise<boolean> {
  const { signal, scopes } = options;
  const request = { url: blobUrl(remote, descriptor.digest), scopes, signal };
  try {
    const response = await remote.host.send({ ...request, method: "HEAD", allow: [403, 405, 501] });
    await response.discard();
    const length = parseContentLength(response.header("content-length"));
    // Of another length it cannot be it: it is pushed again, and the registry finds out.
    if (response.status === 200) return length === undefined || length === 0 || length === descriptor.size;
    const first = await remote.host.send({ ...request, method: "GET", headers: { range: "bytes=0-0" }, allow: [416] });
    await first.discard();
    return true;
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
}
