import type { IncomingMessage } from "node:http";
import { Problem } from "./problem.ts";

/** The endpoints of the distribution-spec, and the token server beside them. */
export type Operation =
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

/** A request as it was understood: what a test looks at, and what an interceptor decides by. */
export interface ServedRequest {
  readonly method: string;
  /** Path with query, as it came. */
  readonly url: string;
  /** Which endpoint of the distribution-spec it is. */
  readonly operation: Operation;
  readonly repository: string | undefined;
  /** Tag or digest, where the path has one. */
  readonly reference: string | undefined;
  readonly headers: IncomingMessage["headers"];
}

export interface Route extends ServedRequest {
  readonly query: URLSearchParams;
  /** The name of the upload that the path is about. */
  readonly upload: string | undefined;
}

/** Understands a request line. Throws Problem when the path cannot be decoded. */
export function routeOf(request: IncomingMessage): Route {
  const { method = "GET", url = "/", headers } = request;
  const [path, search] = splitOnce(url, "?");
  const query = new URLSearchParams(search);
  return { method, url, headers, query, ...endpointOf(method, decode(path), query) };
}

type Endpoint = Pick<Route, "operation" | "repository" | "reference" | "upload">;

function endpointOf(method: string, path: string, query: URLSearchParams): Endpoint {
  const found = (operation: Operation, parts: Partial<Endpoint> = {}): Endpoint => ({
    repository: undefined,
    reference: undefined,
    upload: undefined,
    operation,
    ...parts,
  });
  if (/^\/v2\/?$/.test(path)) return found("ping");
  if (path === "/v2/_catalog") return found("catalog");
  if (path === "/token") return found("token");
  // Greedy: a repository may well be called a/blobs/b.
  const match = /^\/v2\/(.+)\/(?:(tags)\/list|(blobs)\/uploads\/([^/]*)|(blobs|manifests|referrers)\/([^/]+))$/.exec(
    path,
  );
  if (match === null) return found("other");
  const [, repository, tags, uploads, upload = "", kind, reference] = match;
  if (tags !== undefined) return found("tags", { repository });
  if (uploads !== undefined || (kind === "blobs" && reference === "uploads")) {
    if (upload === "") return found(method === "POST" && query.has("mount") ? "mount" : "start-upload", { repository });
    const operation = uploadOperations.get(method);
    return operation === undefined ? found("other", { repository }) : found(operation, { repository, upload });
  }
  const operation = kind === "blobs" ? "blob" : kind === "manifests" ? "manifest" : "referrers";
  return found(operation, { repository, reference });
}

const uploadOperations: ReadonlyMap<string, Operation> = new Map([
  ["GET", "upload-status"],
  ["HEAD", "upload-status"],
  ["PATCH", "patch-upload"],
  ["PUT", "put-upload"],
  ["DELETE", "cancel-upload"],
]);

function decode(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch (cause) {
    throw new Problem(400, "NAME_INVALID", `Cannot decode the path ${JSON.stringify(path)}`, { cause });
  }
}

function splitOnce(text: string, separator: string): readonly [string, string] {
  const at = text.indexOf(separator);
  return at === -1 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}
