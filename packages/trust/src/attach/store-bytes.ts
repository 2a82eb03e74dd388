import type { Descriptor, MemoryStore } from "@lading/oci";

/** Gives bytes an address. */
export async function storeBytes(store: MemoryStore, bytes: Uint8Array, mediaType: string): Promise<Descriptor> {
  return await store.write(once(bytes), mediaType);
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
