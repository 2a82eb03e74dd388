import type { Blob, Descriptor } from "@lading/oci";
import { digestOf } from "@lading/oci";
import { startRegistry, type StartRegistryOptions, type TestRegistry } from "@lading/testkit";
import { RegistryClient } from "../client.ts";
import type { Repository } from "../repository.ts";

export type Intercept = NonNullable<StartRegistryOptions["intercept"]>;

export interface Served extends AsyncDisposable {
  readonly registry: TestRegistry;
  readonly client: RegistryClient;
  /** `acme/app` of that registry. */
  readonly repository: Repository;
  /** Another one of the same registry. */
  at(name: string): Repository;
  /** What was asked since the last call, as "PUT put-upload". */
  asked(): readonly string[];
}

/** A registry and a client for it that does not wait between attempts. */
export async function servedRepository(intercept?: Intercept): Promise<Served> {
  const registry = await startRegistry(intercept === undefined ? {} : { intercept });
  const client = await RegistryClient.open({
    retries: { sleep: () => Promise.resolve() },
    timeouts: { connect: 5000, headers: 5000, stall: 500 },
    keychain: { find: () => Promise.resolve(undefined) },
  });
  const at = (name: string): Repository => client.repository(`${registry.host}/${name}`);
  let seen = 0;
  return {
    registry,
    client,
    repository: at("acme/app"),
    at,
    asked() {
      const since = registry.requests.slice(seen).filter(({ operation }) => operation !== "ping");
      seen = registry.requests.length;
      return since.map(({ method, operation }) => `${method} ${operation}`);
    },
    async [Symbol.asyncDispose]() {
      await client.close();
      await registry.close();
    },
  };
}

/** Does `fault` to the requests that `matches` picks, as often as it says; the others are answered well. */
export function failing(
  matches: (request: Parameters<Intercept>[0]) => boolean,
  fault: Intercept,
  times: number = Infinity,
): Intercept {
  let left = times;
  return async (request, raw, next) => {
    if (!matches(request) || left <= 0) return next();
    left -= 1;
    return fault(request, raw, next);
  };
}

/** Answers by itself. */
export function answer(
  status: number,
  headers: Record<string, string> = {},
  body: string | Uint8Array = "",
): Intercept {
  return async (_request, { request, response }) => {
    request.resume();
    response.writeHead(status, headers).end(body);
  };
}

export function blobOf(bytes: Uint8Array, mediaType: string = "application/octet-stream"): Blob {
  const descriptor: Descriptor = { mediaType, digest: digestOf(bytes), size: bytes.byteLength };
  return { descriptor, open: () => chunksOf(bytes) };
}

export async function* chunksOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += 65_536) yield bytes.subarray(at, at + 65_536);
}
