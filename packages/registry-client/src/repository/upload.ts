import { type Blob, digestAlgorithm, isDigest, type Options, parseDigest } from "@lading/oci";
import { RegistryError } from "../errors.ts";
import type { Attempts, RegistryResponse } from "../transport/registry-host.ts";
import { sendInChunks } from "./upload-chunks.ts";
import { hasBlob } from "./download.ts";
import { describe, pushing, type RemoteRepository } from "./remote.ts";
import { bodyOf, UploadSource } from "./upload-source.ts";
import { UploadSession } from "./upload-session.ts";
import { withDigest } from "./location.ts";

/**
 * The ways to send a blob. "put": POST, then all in one PUT, which every current registry takes;
 * "patch": all in one PATCH, then an empty PUT (old Artifactory); "chunks": many PATCHes with
 * Content-Range, which some refuse and some get wrong, and which alone pass a proxy that cuts long requests.
 */
type UploadForm = "put" | "patch" | "chunks";

const ladder: readonly UploadForm[] = ["put", "patch", "chunks"];

// So often is a large request tried that breaks before it is answered; then smaller ones are.
const breaksBeforeChunks = 2;
// A request this short is not broken for its length.
const shortUpload = 1024 * 1024;

/**
 * Uploads a blob, or mounts it. Its bytes are verified on the way, and wrong ones never become a
 * blob. What worked is remembered for the host. Throws what reading the blob failed with, or
 * RegistryError.
 */
export async function uploadBlob(remote: RemoteRepository, blob: Blob, options: Options = {}): Promise<void> {
  const { host } = remote;
  const { size } = blob.descriptor;
  // It comes into the URLs of a mount and of the last PUT.
  parseDigest(blob.descriptor.digest);
  const source = new UploadSource(blob);
  const attempts = host.attempts(options);
  const refused = new Set<UploadForm>();
  let form = rememberedForm(remote);
  let breaks = 0;
  let corrupted = false;
  for (let first = true; ; first = false) {
    // An answer that was lost is not a failure: proxies give up before a registry has hashed a large blob.
    if (!first && (await hasBlob(remote, blob.descriptor, { ...options, scopes: pushing(remote) }).catch(() => false)))
      return;
    const session = await UploadSession.start(remote, first ? blob : { descriptor: blob.descriptor }, options);
    if (session === undefined) return;
    try {
      await send(form, session, source, attempts, options);
      if (form !== "put" || refused.size > 0) host.memory.set("upload", form);
      return;
    } catch (error) {
      await session.cancel();
      options.signal?.throwIfAborted();
      source.throwIfFailed();
      if (damaged(error) && !corrupted) {
        // The bytes were right when they left.
        corrupted = true;
      } else if (refusedAsSuch(error)) {
        refused.add(form);
        const lower = nextForm(form, refused, error);
        if (lower === undefined) throw error;
        form = lower;
      } else {
        await attempts.failed(error);
        if (unanswered(error)) breaks += 1;
        if (breaks >= breaksBeforeChunks && size > shortUpload && !refused.has("chunks")) form = "chunks";
      }
    }
  }
}

function rememberedForm({ host }: RemoteRepository): UploadForm {
  const remembered = host.memory.get("upload");
  return ladder.find((form) => form === remembered) ?? "put";
}

// Too long for the host: a PATCH of the same length is too long as well. From chunks, the way leads back up.
function nextForm(form: UploadForm, refused: ReadonlySet<UploadForm>, error: unknown): UploadForm | undefined {
  if (statusOf(error) === 413) return form === "chunks" || refused.has("chunks") ? undefined : "chunks";
  return ladder.find((other) => !refused.has(other));
}

async function send(
  form: UploadForm,
  session: UploadSession,
  source: UploadSource,
  attempts: Attempts,
  options: Options,
): Promise<void> {
  const { host } = session.remote;
  if (form === "chunks") await sendInChunks(session, source, attempts, options);
  if (form === "patch") {
    const response = await host.exchange({
      method: "PATCH",
      url: session.location,
      headers: { "content-type": "application/octet-stream" },
      body: source.body,
      scopes: pushing(session.remote),
      headersTimeout: commitTimeout(source.blob.descriptor.size),
      signal: options.signal,
    });
    await response.discard();
    session.follow(response);
  }
  const response = await host.exchange({
    method: "PUT",
    url: withDigest(session.location, source.blob.descriptor.digest),
    headers: { "content-type": "application/octet-stream" },
    body: form === "put" ? source.body : bodyOf(new Uint8Array(0)),
    scopes: pushing(session.remote),
    headersTimeout: commitTimeout(source.blob.descriptor.size),
    signal: options.signal,
  });
  await response.discard();
  await confirm(session.remote, source.blob, response, options);
}

// A registry hashes what it got before it answers: a minute, and time for 10 MB a second.
function commitTimeout(size: number): number {
  return Math.ceil(60_000 + size / 10_000);
}

/** Checks that the answer to the last PUT means what was asked for. */
async function confirm(
  remote: RemoteRepository,
  { descriptor }: Blob,
  response: RegistryResponse,
  options: Options,
): Promise<void> {
  const stated = response.header("docker-content-digest");
  const algorithm = digestAlgorithm(descriptor.digest);
  if (stated !== undefined && isDigest(stated) && stated !== descriptor.digest && digestAlgorithm(stated) === algorithm)
    throw new RegistryError(
      "INVALID_RESPONSE",
      `Cannot upload ${descriptor.digest} to ${describe(remote)}: the registry says that it is ${stated}`,
    );
  if (response.status === 201 && algorithm === "sha256") return;
  if (await hasBlob(remote, descriptor, { ...options, scopes: pushing(remote) })) return;
  if (algorithm === "sha256")
    throw new RegistryError(
      "REFUSED",
      `Cannot upload ${descriptor.digest} to ${describe(remote)}: the registry answered with ${response.status} and does not have it`,
      { status: response.status },
    );
  // distribution 2.8 takes it and files it under its sha256 digest.
  throw new RegistryError(
    "UNSUPPORTED",
    `Cannot upload ${descriptor.digest} to ${describe(remote)}: the registry took it and does not keep it as ${algorithm}`,
    { hint: "Use sha256 digests with this registry" },
  );
}

function statusOf(error: unknown): number | undefined {
  return error instanceof RegistryError ? error.status : undefined;
}

/** Whether the registry found other bytes than were sent. */
function damaged(error: unknown): boolean {
  return (
    error instanceof RegistryError &&
    error.messages.some(({ code }) => code === "DIGEST_INVALID" || code === "SIZE_INVALID")
  );
}

/** Whether the answer may mean that the registry, or a proxy before it, does not take this form of upload. */
function refusedAsSuch(error: unknown): boolean {
  const status = statusOf(error);
  return status !== undefined && [200, 202, 204, 400, 404, 405, 411, 413, 415, 416, 501].includes(status);
}

/** Whether the connection ended before there was an answer. */
function unanswered(error: unknown): boolean {
  return error instanceof RegistryError && error.transient && error.status === undefined;
}
