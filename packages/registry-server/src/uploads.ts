import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { PassThrough } from "node:stream";
import { type Bytes, type Descriptor, type Digest, type Store } from "@lading/oci";
import { type RepositoryName, sameName } from "./names.ts";
import { Problem } from "./problem.ts";

const blobType = "application/octet-stream";
const idleLimit = 60 * 60 * 1000;

/** The uploads that have begun and not ended. */
export class Uploads {
  readonly #store: Store;
  readonly #open = new Map<string, Upload>();

  constructor(store: Store) {
    this.#store = store;
  }

  start(repository: RepositoryName): Upload {
    for (const upload of this.#open.values())
      if (Date.now() - upload.touched > idleLimit) void this.#end(upload, new Error("Nobody went on with the upload"));
    const upload = new Upload(this.#store, repository);
    this.#open.set(upload.id, upload);
    return upload;
  }

  /** Throws Problem BLOB_UPLOAD_UNKNOWN. */
  get(id: string, repository: RepositoryName): Upload {
    const upload = this.#open.get(id);
    if (upload !== undefined && sameName(upload.repository, repository)) return upload;
    throw new Problem(404, "BLOB_UPLOAD_UNKNOWN", `Cannot find the upload ${JSON.stringify(id.slice(0, 100))}`);
  }

  /** Ends the upload as the content of `digest`. Throws Problem DIGEST_INVALID; the upload is gone in either case. */
  async finish(upload: Upload, digest: Digest): Promise<Descriptor> {
    this.#open.delete(upload.id);
    return await upload.finish(digest);
  }

  async cancel(upload: Upload): Promise<void> {
    await this.#end(upload, new Error("The client cancelled the upload"));
  }

  async close(): Promise<void> {
    await Promise.all([...this.#open.values()].map((upload) => this.#end(upload, new Error("The server was closed"))));
  }

  #end(upload: Upload, reason: Error): Promise<void> {
    this.#open.delete(upload.id);
    return upload.cancel(reason);
  }
}

/**
 * A blob that arrives in parts. They go straight into one `write` of the store, which hashes them
 * and keeps them out of sight until the last is there.
 */
export class Upload {
  readonly id: string = randomUUID();
  readonly repository: RepositoryName;
  touched: number = Date.now();
  /** Bytes taken. */
  size = 0;
  readonly #store: Store;
  readonly #pipe = new PassThrough({ highWaterMark: 1024 * 1024 });
  #written: Promise<Descriptor> | undefined;
  #last: Promise<void> = Promise.resolve();

  constructor(store: Store, repository: RepositoryName) {
    this.#store = store;
    this.repository = repository;
    // The store learns of it through the pipe, and says so in `#written`.
    this.#pipe.on("error", () => undefined);
  }

  /** When nobody else is at it: a client that lost its connection is back before this side has noticed. */
  async alone<T>(task: () => Promise<T>): Promise<T> {
    const before = this.#last;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#last = before.then(() => promise);
    await before;
    try {
      return await task();
    } finally {
      this.touched = Date.now();
      resolve();
    }
  }

  /** Takes what comes, also of a body that breaks off: that can be gone on with. Throws what the body or the store throws. */
  async append(bytes: Bytes): Promise<void> {
    this.#written ??= this.#begin();
    for await (const chunk of bytes) {
      if (this.#pipe.destroyed) await this.#written;
      this.size += chunk.byteLength;
      if (!this.#pipe.write(chunk)) await Promise.race([once(this.#pipe, "drain"), this.#written]);
    }
  }

  async finish(digest: Digest): Promise<Descriptor> {
    this.#written ??= this.#begin();
    this.#pipe.end();
    const written = await this.#written;
    if (written.digest === digest) return written;
    const wanted = { ...written, digest };
    // The store hashes with sha256; for another algorithm the bytes go through it once more.
    if (!digest.startsWith("sha256:")) {
      await this.#store.push({ descriptor: wanted, open: (options) => this.#store.blob(written).open(options) });
      return wanted;
    }
    throw new Problem(400, "DIGEST_INVALID", `Cannot store ${digest}: the content is ${written.digest}`);
  }

  async cancel(reason: Error): Promise<void> {
    this.#pipe.destroy(reason);
    await this.#written?.catch(() => undefined);
  }

  #begin(): Promise<Descriptor> {
    const written = this.#store.write(this.#pipe, blobType);
    // Seen when the next part comes.
    written.catch((error: unknown) => this.#pipe.destroy(error instanceof Error ? error : new Error(String(error))));
    return written;
  }
}
