import type { IncomingMessage, ServerResponse } from "node:http";
import { type Digest, isDigest } from "@lading/oci";
import type { Catalog, Repository } from "./catalog.ts";
import { Problem } from "./problem.ts";
import type { Route } from "./route.ts";
import type { Uploads } from "./uploads.ts";

/** One request, and what its answer is made of. */
export interface Exchange {
  readonly route: Route;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly catalog: Catalog;
  /** Undefined when nothing may be pushed. */
  readonly uploads: Uploads | undefined;
  /** The least that a chunk of an upload has, but for the last; in bytes. */
  readonly minimalChunk: number | undefined;
  /** Whether the one who asks may pull from another repository as well: asked before a mount. */
  readonly mayPull: (path: string) => boolean;
  /** Aborted when the client is gone. */
  readonly signal: AbortSignal;
}

/** The repository that the path names. Throws Problem NAME_INVALID. */
export function askedRepository({ route, catalog }: Exchange): Repository {
  return catalog.repository(route.repository ?? "", route.query.get("ns"));
}

/** Throws Problem DIGEST_INVALID. */
export function parseDigestOf(text: string | null | undefined): Digest {
  if (text !== null && text !== undefined && isDigest(text)) return text;
  throw new Problem(
    400,
    "DIGEST_INVALID",
    `Cannot read the digest ${JSON.stringify((text ?? "").slice(0, 200))}: expected sha256 or sha512 in lower-case hex`,
  );
}

/** A path of this server, with the namespace that the request had. */
export function locationOf({ route }: Exchange, rest: string): string {
  const ns = route.query.get("ns");
  return `/v2/${route.repository}/${rest}${ns === null ? "" : `?ns=${encodeURIComponent(ns)}`}`;
}
