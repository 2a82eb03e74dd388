import { STATUS_CODES } from "node:http";
import { type Bytes, type Options, withKnown } from "@lading/oci";
import { RegistryError } from "../errors.ts";
import { parseContentLength } from "../repository/content-length.ts";
import { parseContentRange } from "../repository/content-range.ts";
import { AddressGuard } from "../transport/address-guard.ts";
import { follow } from "../transport/follow.ts";
import { redactUrl } from "../transport/redact.ts";
import { errorCode, transientStatuses } from "../transport/refusal.ts";
import { releaseChunk } from "../transport/release-chunk.ts";
import type { HttpResponse } from "../transport/response.ts";
import { Pace, type Retry, type RetryPolicy } from "../transport/retry.ts";
import { parseRetryAfter } from "../transport/retry-after.ts";
import type { Wire } from "../transport/wire.ts";

export interface WebFileOptions extends Options {
  /** What a file that is known already was tagged with: if that is still it, nothing is sent. */
  readonly etag?: string | undefined;
  /** The Authorization header, for the URL's own origin alone. Default: user and password of the URL. */
  readonly authorization?: string | undefined;
}

/** A file that a web server has under a URL. */
export interface WebFile {
  /** What the server calls this content; undefined when it has no word for it. */
  readonly etag: string | undefined;
  /** Seconds since 1970; undefined when the server does not say. */
  readonly lastModified: number | undefined;
  /** In bytes; undefined when the server does not say. */
  readonly size: number | undefined;
  /**
   * To be read once, to the end. When the connection breaks, stalls or ends early they go on where they stopped. Throws
   * RegistryError, INVALID_RESPONSE when the file is another one by then.
   */
  readonly bytes: Bytes;
}

export interface WebHostOptions {
  readonly origin: URL;
  readonly wire: Wire;
  readonly retries: RetryPolicy | undefined;
  readonly onRetry: ((retry: Retry) => void) | undefined;
}

/** What must have come, since the last failure, for the server to be given all its attempts again. */
const progress = 64 * 1024;

/** A web server: any host that has files under URLs, and is no registry. Nobody's credentials are looked up for it. */
export class WebHost {
  readonly #origin: URL;
  readonly #wire: Wire;
  readonly #guard: AddressGuard;
  readonly #pace: Pace;
  readonly #onRetry: ((retry: Retry) => void) | undefined;

  constructor({ origin, wire, retries, onRetry }: WebHostOptions) {
    this.#origin = origin;
    this.#wire = wire;
    this.#guard = new AddressGuard(origin);
    this.#pace = new Pace(retries);
    this.#onRetry = onRetry;
  }

  /** The file under a URL of this host; undefined when it is the one that `etag` names. Throws RegistryError. */
  async file(url: URL, options: WebFileOptions = {}): Promise<WebFile | undefined> {
    const { etag, signal } = options;
    const attempts = this.#pace.attempts({ signal }, this.#onRetry);
    for (;;) {
      try {
        const response = await this.#get(url, options, etag === undefined ? {} : { "if-none-match": etag });
        const found = response.header("etag");
        // Some servers send all of it although they name it the same.
        if (etag !== undefined && (response.status === 304 || (found !== undefined && isSame(found, etag)))) {
          await response.discard();
          return undefined;
        }
        if (response.status === 200) return this.#fileOf(url, options, response);
        await response.discard();
        throw refused(response, this.#pace.now());
      } catch (error) {
        await attempts.failed(error);
      }
    }
  }

  #fileOf(url: URL, options: WebFileOptions, response: HttpResponse): WebFile {
    const version = versionOf(response);
    const { etag, modified, size } = version;
    const time = Date.parse(modified ?? "");
    return {
      etag,
      lastModified: Number.isNaN(time) ? undefined : Math.floor(time / 1000),
      size,
      bytes: withKnown(this.#read(url, options, response, version), { recycle: releaseChunk }),
    };
  }

  async *#read(url: URL, options: WebFileOptions, first: HttpResponse, version: Version): AsyncGenerator<Uint8Array> {
    const attempts = this.#pace.attempts(options, this.#onRetry);
    let position = 0;
    let bytes: Bytes | undefined = first.body;
    for (;;) {
      let since = 0;
      try {
        bytes ??= await this.#rest(url, options, version, position);
        for await (const chunk of bytes) {
          position += chunk.byteLength;
          since += chunk.byteLength;
          if (since >= progress) attempts.progressed();
          yield chunk;
        }
        if (version.size === undefined || position >= version.size) return;
        throw new RegistryError(
          "UNAVAILABLE",
          `GET ${redactUrl(url, "web")}: it ended after ${position} of ${version.size} bytes`,
          { transient: true },
        );
      } catch (error) {
        bytes = undefined;
        await attempts.failed(error);
      }
    }
  }

  /** What is left from `position`, of the same version. */
  async #rest(url: URL, options: WebFileOptions, version: Version, position: number): Promise<Bytes> {
    const validator = version.etag?.startsWith("W/") === false ? version.etag : version.modified;
    if (position > 0 && version.etag === undefined && version.modified === undefined)
      throw new RegistryError(
        "UNAVAILABLE",
        `GET ${redactUrl(url, "web")}: it broke off after ${position} bytes, and nothing tells whether the rest would be of the same file`,
        { hint: "The server sends neither ETag nor Last-Modified: run the command again" },
      );
    const wanted = position > 0 && validator !== undefined;
    const headers = wanted ? { range: `bytes=${position}-`, "if-range": validator } : {};
    const response = await this.#get(url, options, headers);
    const { status } = response;
    if (status === 206 && wanted) {
      const range = parseContentRange(response.header("content-range"));
      const isRight = range?.first === position && (range.total ?? version.size) === (version.size ?? range.total);
      if (isRight && isPartOf(versionOf(response), version)) return response.body;
    } else if (status === 200 && isSameVersion(versionOf(response), version)) return skipping(response.body, position);
    await response.discard();
    if (status !== 200 && status !== 206 && status !== 416) throw refused(response, this.#pace.now());
    throw new RegistryError("INVALID_RESPONSE", `GET ${redactUrl(url, "web")}: the file changed while it was read`, {
      status,
      hint: "Try again when nobody writes to it any more",
    });
  }

  async #get(
    url: URL,
    { authorization, signal }: WebFileOptions,
    headers: Record<string, string>,
  ): Promise<HttpResponse> {
    await this.#pace.ready({ signal });
    const own = authorization ?? basic(url);
    const bare = new URL(url);
    bare.username = bare.password = bare.hash = "";
    return await follow(
      bare,
      { method: "GET", headers, signal, authorization: (target) => (target.origin === bare.origin ? own : undefined) },
      {
        base: this.#origin,
        wire: this.#wire,
        guard: this.#guard,
        verifyTls: true,
        kind: "web",
        what: "the URL",
        answered: () => this.#pace.answered(),
      },
    );
  }
}

/** What tells one content of a URL from the next. */
interface Version {
  readonly etag: string | undefined;
  /** As the server writes it. */
  readonly modified: string | undefined;
  readonly size: number | undefined;
}

function versionOf(response: HttpResponse): Version {
  return {
    etag: response.header("etag"),
    modified: response.header("last-modified"),
    size: parseContentLength(response.header("content-length")),
  };
}

function isSameVersion(a: Version, b: Version): boolean {
  return a.etag === b.etag && a.modified === b.modified && a.size === b.size;
}

/** Of a part, which may leave out what was asked under If-Range (RFC 9110 §15.3.7). */
function isPartOf({ etag, modified }: Version, whole: Version): boolean {
  return (etag ?? whole.etag) === whole.etag && (modified ?? whole.modified) === whole.modified;
}

/** As If-None-Match compares (RFC 9110 §8.8.3.2): whether weak or not. */
function isSame(a: string, b: string): boolean {
  return a.replace(/^W\//, "") === b.replace(/^W\//, "");
}

async function* skipping(bytes: Bytes, count: number): AsyncGenerator<Uint8Array> {
  let left = count;
  for await (const chunk of bytes) {
    if (left < chunk.byteLength) yield left === 0 ? chunk : chunk.subarray(left);
    left = Math.max(0, left - chunk.byteLength);
  }
}

function refused(response: HttpResponse, now: number): RegistryError {
  const { status, url } = response;
  const name = STATUS_CODES[status];
  const retryAfter = parseRetryAfter(response.header("retry-after"), now);
  return new RegistryError(
    errorCode(status),
    `GET ${redactUrl(url, "web")}: ${name === undefined ? status : `${status} ${name}`}`,
    {
      status,
      transient: transientStatuses.has(status),
      ...(retryAfter === undefined ? {} : { retryAfter }),
    },
  );
}

/** User and password of a URL, as a header. */
function basic({ username, password }: URL): string | undefined {
  if (username === "" && password === "") return undefined;
  return `Basic ${Buffer.from(`${decoded(username)}:${decoded(password)}`).toString("base64")}`;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // A percent sign that stands for itself.
    return text;
  }
}
