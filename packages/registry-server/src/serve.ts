import type { IncomingMessage, ServerResponse } from "node:http";

/** A request as it was understood: what a test looks at, and what an interceptor decides by. */
export interface ServedRequest {
  readonly method: string;
  /** Path with query, as it came. */
  readonly url: string;
  /** Which endpoint of the distribution-spec it is. */
  readonly operation:
    | "ping"
    | "blob"
    | "manifest"
    | "start-upload"
    | "mount"
    | "patch-upload"
    | "put-upload"
    | "upload-status"
    | "cancel-upload"
    | "tags"
    | "referrers"
    | "catalog"
    | "token"
    | "other";
  readonly repository: string | undefined;
  /** Tag or digest, where the path has one. */
  readonly reference: string | undefined;
  readonly headers: IncomingMessage["headers"];
}

/** Comes before each answer; calling `next` gives the registry's own. Whoever does not call it has answered. */
export type Intercept = (
  request: ServedRequest,
  raw: { readonly request: IncomingMessage; readonly response: ServerResponse },
  next: () => Promise<void>,
) => Promise<void>;

export interface ServeOptions {
  /** Address to listen on. Default: 127.0.0.1. */
  readonly host?: string;
  /** Default: 0, the kernel chooses. */
  readonly port?: number;
  /** Whether to take pushes and deletions. Default: false. */
  readonly writable?: boolean;
  readonly intercept?: Intercept;
}

export interface RegistryServer extends AsyncDisposable {
  /** `127.0.0.1:34567`: what names begin with. */
  readonly host: string;
  readonly url: URL;
  close(): Promise<void>;
}
