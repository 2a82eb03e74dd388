import type { Bytes, Options } from "@lading/oci";

/*
 * The seam between what is asked of a registry (repository.ts and its neighbours) and how a request
 * gets there (this folder). Above it nobody knows of connections, credentials, redirects or retries;
 * below it nobody knows of manifests.
 */

/** What a request needs to be allowed to do (distribution's token scope): `repository:acme/app:pull,push`. */
export interface Scope {
  readonly repository: string;
  readonly actions: readonly ("pull" | "push" | "delete")[];
}

export interface RequestBody {
  /** Bytes. */
  readonly size: number;
  /** Opened anew for each attempt. What it throws ends the request and is thrown as it is, never retried. */
  open(options: Options): Bytes;
}

export interface RegistryRequest extends Options {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
  /**
   * Absolute, or relative to the host's base (`v2/acme/app/tags/list`). A URL of another origin, which
   * the registry may name in Location or `urls`, gets no credentials, and is refused where it is unsafe.
   */
  readonly url: URL | string;
  /** Names in lower case. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: RequestBody;
  readonly scopes: readonly Scope[];
  /** Statuses that are given back although they are not 2xx; all others are thrown. Redirects of GET and HEAD are followed. */
  readonly allow?: readonly number[];
  /** Milliseconds to wait for the answer's headers. Default: the client's; a PUT that ends a large blob takes long. */
  readonly headersTimeout?: number;
}

export interface RegistryResponse {
  readonly status: number;
  /** Where the answer came from, after redirects. */
  readonly url: URL;
  /** The value of a header, several values joined with ", "; undefined when absent. `name` in lower case. */
  header(name: string): string | undefined;
  /** The body as it comes; must be read to the end, or `discard` called. Fails with a transient RegistryError when it breaks off or stalls. */
  readonly body: Bytes;
  /** The whole body. Throws RegistryError INVALID_RESPONSE when it is longer than `limit` bytes. */
  read(limit: number): Promise<Uint8Array>;
  /** Gives the body up; short ones are drained so that the connection is used again. */
  discard(): Promise<void>;
}

/** The tries of one piece of work, paced with all others on the same host. */
export interface Attempts {
  /**
   * Returns when it is time to try again, having waited; throws `error` itself when that is of no use:
   * it is not transient, or the budget is spent.
   */
  failed(error: unknown): Promise<void>;
  /** Something came through: the budget starts anew. A resumed download calls it when there was progress. */
  progressed(): void;
}

/** One registry host: its connections, credentials, pace and retries. */
export interface RegistryHost {
  /** As people write it in names: `docker.io`, `localhost:5000`. */
  readonly registry: string;
  /** The URL that `/v2/` is under; ends with a slash. Its scheme is settled by the first request. */
  readonly base: URL;
  /** One exchange, tried again while that may help. Only for requests whose body can be opened again (all of ours). */
  send(request: RegistryRequest): Promise<RegistryResponse>;
  /** One exchange with authentication and redirects, not tried again: for code that resumes by itself, with `attempts`. */
  exchange(request: RegistryRequest): Promise<RegistryResponse>;
  attempts(options?: Options): Attempts;
  /** What worked on this host before (which upload form, whether there is a referrers API); kept as long as the client. */
  readonly memory: Map<string, string>;
}
