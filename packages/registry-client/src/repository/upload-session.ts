import { type Blob, digestAlgorithm, type Options } from "@lading/oci";
import { RegistryError } from "../errors.ts";
import type { RegistryResponse, Scope } from "../transport/registry-host.ts";
import { parseUploadRange } from "./content-range.ts";
import { uploadLocation } from "./location.ts";
import { describe, pushing, type RemoteRepository } from "./remote.ts";

// A registry that is asked to forget an upload may take its time; nobody waits for long.
const cancelTimeout = 2000;

/** One upload as the registry knows it (distribution-spec §Pushing Blobs): a URL that may change with each answer. */
export class UploadSession {
  readonly remote: RemoteRepository;
  /** Bytes that a chunk must have at least (OCI-Chunk-Min-Length); 0 when the registry does not care. */
  readonly minimumChunk: number;
  #location: URL;

  private constructor(remote: RemoteRepository, location: URL, minimumChunk: number) {
    this.remote = remote;
    this.#location = location;
    this.minimumChunk = minimumChunk;
  }

  /**
   * Asks for an upload. Where the blob lies in another repository of the registry already, it is
   * mounted instead, and undefined is returned. Throws RegistryError.
   */
  static async start(
    remote: RemoteRepository,
    blob: Pick<Blob, "descriptor" | "origin">,
    options: Options = {},
  ): Promise<UploadSession | undefined> {
    const { descriptor, origin } = blob;
    const { host, repository } = remote;
    // Docker Hub refuses `from` of another registry (ggcr #1741).
    if (origin?.registry === host.registry && origin.repository !== repository) {
      const mounted = await mount(remote, descriptor.digest, origin.repository, options);
      if (mounted?.status === 201) return undefined;
      const session = mounted === undefined ? undefined : UploadSession.#from(remote, mounted);
      if (session !== undefined) return session;
    }
    const algorithm = digestAlgorithm(descriptor.digest);
    const response = await host.send({
      method: "POST",
      url: `v2/${repository}/blobs/uploads/${algorithm === "sha256" ? "" : `?digest-algorithm=${algorithm}`}`,
      scopes: pushing(remote),
      signal: options.signal,
    });
    await response.discard();
    const session = UploadSession.#from(remote, response);
    if (session !== undefined) return session;
    throw new RegistryError(
      "INVALID_RESPONSE",
      `Cannot upload to ${describe(remote)}: the registry answered with ${response.status} and no Location`,
    );
  }

  static #from(remote: RemoteRepository, response: RegistryResponse): UploadSession | undefined {
    const location = uploadLocation(remote.host, response);
    const minimum = Number(response.header("oci-chunk-min-length") ?? 0);
    return location === undefined
      ? undefined
      : new UploadSession(remote, location, Number.isSafeInteger(minimum) && minimum > 0 ? minimum : 0);
  }

  get location(): URL {
    return this.#location;
  }

  /** Takes in an answer: a new Location counts from then on. */
  follow(response: RegistryResponse): void {
    this.#location = uploadLocation(this.remote.host, response) ?? this.#location;
  }

  /** How many bytes the registry says it has; undefined when it does not tell. */
  async received({ signal }: Options): Promise<number | undefined> {
    try {
      const response = await this.remote.host.exchange({
        method: "GET",
        url: this.#location,
        scopes: pushing(this.remote),
        signal,
      });
      await response.discard();
      // Quay answers without Location.
      this.follow(response);
      return parseUploadRange(response.header("range"));
    } catch {
      signal?.throwIfAborted();
      return undefined;
    }
  }

  /** Tells the registry that it need not keep what it got. Never fails. */
  async cancel(): Promise<void> {
    try {
      const response = await this.remote.host.exchange({
        method: "DELETE",
        url: this.#location,
        scopes: pushing(this.remote),
        signal: AbortSignal.timeout(cancelTimeout),
      });
      await response.discard();
    } catch {
      // It forgets by itself, later.
    }
  }
}

// Whatever goes wrong here, an upload may still go well: the right to read `from` may be missing.
async function mount(
  remote: RemoteRepository,
  digest: string,
  from: string,
  { signal }: Options,
): Promise<RegistryResponse | undefined> {
  const scopes: readonly Scope[] = [...pushing(remote), { repository: from, actions: ["pull"] }];
  try {
    const response = await remote.host.exchange({
      method: "POST",
      url: `v2/${remote.repository}/blobs/uploads/?mount=${digest}&from=${encodeURIComponent(from)}`,
      scopes,
      signal,
    });
    await response.discard();
    return response;
  } catch {
    signal?.throwIfAborted();
    return undefined;
  }
}
