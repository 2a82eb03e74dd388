import type { IncomingHttpHeaders } from "node:http";
import { promisify } from "node:util";
import { brotliDecompress, gunzip, inflate } from "node:zlib";
import { RegistryError } from "../errors.ts";
import type { RegistryResponse } from "./registry-host.ts";
import type { ResponseBody } from "./response-body.ts";
import type { WireResponse } from "./round-trip.ts";

/** What is read of an answer nobody wants, to use its connection again. */
const drained = 64 * 1024;

/** An answer to `what` ("GET https://…", redacted). */
export class HttpResponse implements RegistryResponse {
  readonly status: number;
  readonly url: URL;
  readonly body: ResponseBody;
  readonly #what: string;
  readonly #headers: IncomingHttpHeaders;

  constructor({ status, headers, body }: WireResponse, url: URL, what: string) {
    this.status = status;
    this.url = url;
    this.body = body;
    this.#what = what;
    this.#headers = headers;
  }

  header(name: string): string | undefined {
    const value = this.#headers[name];
    return typeof value === "string" ? value : value?.join(", ");
  }

  /** Each line of a header on its own. */
  headerLines(name: string): readonly string[] {
    const value = this.#headers[name];
    if (value === undefined) return [];
    return typeof value === "string" ? [value] : value;
  }

  async read(limit: number): Promise<Uint8Array> {
    const { bytes, whole } = await this.readStart(limit);
    if (!whole) throw this.#invalid(`the body is longer than ${limit} bytes`);
    const decode = decoders.get(this.header("content-encoding")?.trim().toLowerCase() ?? "");
    if (decode === undefined || bytes.byteLength === 0) return bytes;
    // Nobody was asked to encode; some proxies do it anyway.
    try {
      return await decode(bytes, { maxOutputLength: limit });
    } catch (cause) {
      throw this.#invalid(`the body cannot be decoded to at most ${limit} bytes`, cause);
    }
  }

  /** At most `limit` bytes of the body, and whether that was all. */
  async readStart(limit: number): Promise<{ readonly bytes: Uint8Array; readonly whole: boolean }> {
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of this.body) {
      chunks.push(chunk);
      size += chunk.byteLength;
      if (size > limit) return { bytes: Buffer.concat(chunks).subarray(0, limit), whole: false };
    }
    const [only] = chunks;
    return { bytes: chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks), whole: true };
  }

  async discard(): Promise<void> {
    try {
      if (Number(this.header("content-length") ?? 0) > drained) await this.body.return();
      else await this.readStart(drained);
    } catch {
      // Whoever discards an answer does not care how it ends.
    }
  }

  #invalid(reason: string, cause?: unknown): RegistryError {
    return new RegistryError("INVALID_RESPONSE", `${this.#what}: ${reason}`, { status: this.status, cause });
  }
}

type Decode = (bytes: Uint8Array, options: { readonly maxOutputLength: number }) => Promise<Uint8Array>;

const decoders: ReadonlyMap<string, Decode> = new Map<string, Decode>([
  ["gzip", promisify(gunzip)],
  ["x-gzip", promisify(gunzip)],
  ["deflate", promisify(inflate)],
  ["br", promisify(brotliDecompress)],
]);
