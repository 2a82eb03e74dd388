import { copy, type Descriptor, MemoryStore, readBlob } from "@lading/oci";
import { randomImage } from "@lading/testkit";
import { serve, type ServeOptions } from "./serve.ts";

type Ask = (path: string, init?: RequestInit) => Promise<Response>;

export interface Served extends AsyncDisposable {
  readonly store: MemoryStore;
  readonly ask: Ask;
  readonly host: string;
  /** What `acme/app:1` names. */
  readonly manifest: Descriptor;
  readonly layer: Descriptor;
  /** Bytes of content in the store. */
  read(descriptor: Descriptor): Promise<Buffer<ArrayBuffer>>;
  close(): Promise<void>;
}

/** A registry in memory with one image, acme/app:1. */
export async function served(options: ServeOptions = {}): Promise<Served> {
  const image = await randomImage({ layers: 2, size: 5000 });
  const store = new MemoryStore();
  await copy(image.source, store, image.descriptor);
  await store.tag(image.descriptor, "acme/app:1");
  const layer = image.images[0]?.layers[0]?.descriptor;
  if (layer === undefined) throw new Error("An image without layers");
  const server = await serve(store, { writable: true, ...options });
  return {
    store,
    host: server.host,
    manifest: image.descriptor,
    layer,
    ask: async (path, init) => await fetch(new URL(path, server.url), init),
    read: async (descriptor) => Buffer.from(await readBlob(store.blob(descriptor))),
    close: async () => await server.close(),
    [Symbol.asyncDispose]: async () => await server.close(),
  };
}

/** The code of the first error in an answer. */
export async function errorCode(response: Response): Promise<unknown> {
  const body: unknown = await response.json();
  const errors: unknown = typeof body === "object" && body !== null && "errors" in body ? body.errors : undefined;
  const first: unknown = Array.isArray(errors) ? errors[0] : undefined;
  return typeof first === "object" && first !== null && "code" in first ? first.code : undefined;
}
