import { setTimeout as delay } from "node:timers/promises";
import {
  type Blob,
  type Bytes,
  type Descriptor,
  type Digest,
  OciError,
  type Options,
  type Sink,
  type Source,
  successors,
  verified,
} from "@lading/oci";
import type { ContainerdClient } from "./client.ts";
import { type WriteContentRequest, WriteAction } from "./gen/content.ts";
import { isStatus } from "./grpc.ts";

const chunkSize = 1024 * 1024; // bytes; a message may have 4 MiB
const lockedPause = 50; // milliseconds

/**
 * The content of one containerd namespace. Content has no names here (images have), so `resolve`
 * and `tag` refuse. What is pushed is garbage until something refers to it: use a leased client.
 */
export class ContentStore implements Source, Sink {
  readonly #client: ContainerdClient;

  constructor(client: ContainerdClient) {
    this.#client = client;
  }

  async resolve(name: string): Promise<Descriptor> {
    throw new OciError("NOT_FOUND", `Cannot find "${name}" in containerd's content: it has no names`);
  }

  async tag(descriptor: Descriptor, name: string): Promise<void> {
    throw new OciError("NOT_FOUND", `Cannot tag ${descriptor.digest} as "${name}" in containerd's content`);
  }

  blob(descriptor: Descriptor): Blob {
    return { descriptor, open: (options) => verified(this.#read(descriptor, options), descriptor) };
  }

  async has(descriptor: Descriptor, options: Options = {}): Promise<boolean> {
    await this.#client.lease({ id: descriptor.digest, type: "content" }, options);
    if ((await this.labels(descriptor.digest, options)) === undefined) return false;
    for (const child of await successors(this, descriptor, options))
      if (!(await this.has(child, options))) return false;
    return true;
  }

  /** Does nothing when it is here. Goes on where an earlier push broke off. */
  async push(blob: Blob, { signal }: Options = {}): Promise<void> {
    const ref = `lading-${blob.descriptor.digest}`;
    const started = Promise.withResolvers<number>();
    let present = 0;
    try {
      const answers = this.#client.content.write(requests(ref, blob, started.promise, signal), signal);
      for await (const { action, offset } of answers) {
        if (action !== WriteAction.STAT) continue;
        present = offset;
        started.resolve(offset);
      }
      return;
    } catch (error) {
      // Who waits for it goes away, and nobody else is told.
      started.promise.catch(() => undefined);
      started.reject(error);
      if (isStatus(error, "ALREADY_EXISTS")) return;
      if (isStatus(error, "FAILED_PRECONDITION")) {
        // What is there is not the beginning of this: an earlier source was wrong.
        await this.#client.content.abort({ ref }, signal);
        if (present === 0) throw error;
      } else if (isStatus(error, "UNAVAILABLE") && error.detail.includes("locked"))
        // Another process writes the same.
        await delay(lockedPause, undefined, { signal });
      else throw error;
    }
    await this.push(blob, { signal });
  }

  /** The labels of content, undefined when it is not here. */
  async labels(digest: Digest, { signal }: Options = {}): Promise<Readonly<Record<string, string>> | undefined> {
    try {
      const { info } = await this.#client.content.info({ digest }, signal);
      return info?.labels ?? {};
    } catch (error) {
      if (isStatus(error, "NOT_FOUND")) return undefined;
      throw error;
    }
  }

  /** Sees to it that content has these labels, beside those that it has. */
  async label(digest: Digest, labels: Readonly<Record<string, string>>, { signal }: Options = {}): Promise<void> {
    const present = await this.labels(digest, { signal });
    const missing = Object.entries(labels).filter(([name, value]) => present?.[name] !== value);
    if (missing.length === 0) return;
    const info = { digest, size: 0, labels: Object.fromEntries(missing) };
    await this.#client.content.update({ info, updateMask: missing.map(([name]) => `labels.${name}`) }, signal);
  }

  async *#read({ digest }: Descriptor, { signal }: Options = {}): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      for await (const { data } of this.#client.content.read({ digest, offset: 0, size: 0 }, signal)) yield data;
    } catch (cause) {
      if (!isStatus(cause, "NOT_FOUND")) throw cause;
      throw new OciError("NOT_FOUND", `Cannot find ${digest} in containerd`, { cause });
    }
  }
}

/** What is there is asked first; the bytes after that follow, and at the end the demand to keep them. */
async function* requests(
  ref: string,
  blob: Blob,
  started: Promise<number>,
  signal: AbortSignal | undefined,
): AsyncGenerator<WriteContentRequest, void, undefined> {
  const { digest, size } = blob.descriptor;
  const request = { ref, total: size, expected: digest, labels: {} };
  const nothing = new Uint8Array();
  yield { ...request, action: WriteAction.STAT, offset: 0, data: nothing };
  let offset = await started;
  if (offset < size)
    for await (const data of chunks(after(blob.open({ signal }), offset))) {
      yield { ...request, action: WriteAction.WRITE, offset, data };
      offset += data.byteLength;
    }
  yield { ...request, action: WriteAction.COMMIT, offset, data: nothing };
}

/** Without the first `count` bytes. */
async function* after(bytes: Bytes, count: number): AsyncGenerator<Uint8Array, void, undefined> {
  let left = count;
  for await (const chunk of bytes) {
    if (chunk.byteLength > left) yield chunk.subarray(left);
    left = Math.max(0, left - chunk.byteLength);
  }
}

/** In messages of a size that is worth one. */
async function* chunks(bytes: Bytes): AsyncGenerator<Uint8Array, void, undefined> {
  let waiting: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of bytes)
    for (let start = 0; start < chunk.byteLength;) {
      const part = chunk.subarray(start, start + chunkSize - size);
      waiting.push(part);
      start += part.byteLength;
      size += part.byteLength;
      if (size < chunkSize) continue;
      yield Buffer.concat(waiting);
      waiting = [];
      size = 0;
    }
  if (size > 0) yield Buffer.concat(waiting);
}
