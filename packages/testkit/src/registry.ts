import {
  type Intercept,
  type RegistryServer,
  serve,
  type ServedRequest,
  type ServeOptions,
} from "@lading/registry-server";
import { MemoryStore } from "@lading/oci";

export interface StartRegistryOptions extends ServeOptions {
  /** What it holds; an empty store when not given. */
  readonly store?: MemoryStore;
}

export interface TestRegistry extends RegistryServer {
  /** What the registry keeps its content in: to fill it without the network, and to look at what arrived. */
  readonly store: MemoryStore;
  /** All requests so far, in the order in which they came. */
  readonly requests: readonly ServedRequest[];
}

/** A registry in memory, on loopback, that takes pushes and remembers what it was asked. */
export async function startRegistry(options: StartRegistryOptions = {}): Promise<TestRegistry> {
  const { store = new MemoryStore(), intercept, ...rest } = options;
  const requests: ServedRequest[] = [];
  const recording: Intercept = async (request, raw, next) => {
    requests.push(request);
    await (intercept === undefined ? next() : intercept(request, raw, next));
  };
  const server = await serve(store, { writable: true, ...rest, intercept: recording });
  return { ...server, store, requests };
}
