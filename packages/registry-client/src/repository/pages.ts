import type { Options } from "@lading/oci";
import { RegistryError } from "../errors.ts";
import type { RegistryResponse } from "../transport/registry-host.ts";
import { nextPage } from "./link-header.ts";
import { pulling, type RemoteRepository } from "./remote.ts";
import { getWhole } from "./whole-body.ts";

/** One page of a list. */
export interface Page {
  readonly body: Uint8Array;
  readonly response: RegistryResponse;
}

export interface PageOptions extends Options {
  readonly headers?: Readonly<Record<string, string>>;
  /** Statuses that are given out, and end the list. */
  readonly allow?: readonly number[];
  /** What is listed, for the error: `tags of ghcr.io/acme/app`. */
  readonly what: string;
}

/** Bytes. distribution 2.8 gives all tags in one page; 32 MiB are half a million. */
export const pageLimit = 32 * 1024 * 1024;
const maxPages = 10_000;
/** Bytes of all pages together: what is listed is kept. */
const totalLimit = 4 * pageLimit;

/**
 * The pages of a list, each followed to the next by its Link (never built: Quay's names are opaque).
 * Throws RegistryError INVALID_RESPONSE when they go in a circle or do not end.
 */
export async function* pages(remote: RemoteRepository, path: string, options: PageOptions): AsyncGenerator<Page> {
  const { headers = {}, allow = [], what, signal } = options;
  const { host } = remote;
  const seen = new Set<string>();
  let url: URL | string = path;
  let total = 0;
  for (;;) {
    const { response, body } = await getWhole(
      host,
      { url, headers: { accept: "application/json", ...headers }, scopes: pulling(remote), allow, signal },
      pageLimit,
    );
    total += body.byteLength;
    if (total > totalLimit) throw endless(what, `its pages are more than ${totalLimit} bytes together`);
    yield { body, response };
    if (allow.includes(response.status)) return;
    // Only now is it settled whether the base is https.
    const page: URL = new URL(url, host.base);
    seen.add(page.href);
    const next = nextPage(response.header("link"), page);
    if (next === undefined) return;
    if (seen.has(next.href)) throw endless(what, "its pages lead in a circle");
    if (seen.size >= maxPages) throw endless(what, `it has more than ${maxPages} pages`);
    url = next;
  }
}

function endless(what: string, detail: string): RegistryError {
  return new RegistryError("INVALID_RESPONSE", `Cannot list the ${what}: ${detail}`);
}
