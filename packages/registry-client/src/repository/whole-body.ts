import type { RegistryHost, RegistryRequest, RegistryResponse } from "../transport/registry-host.ts";

/** An answer with its body, which is bounded and small. */
export interface WholeAnswer {
  readonly response: RegistryResponse;
  readonly body: Uint8Array;
}

/**
 * A GET whose body is read whole, from the start again when it breaks off. Throws RegistryError INVALID_RESPONSE when it is longer than `limit` bytes.
 */
export async function getWhole(
  host: RegistryHost,
  request: Omit<RegistryRequest, "method">,
  limit: number,
): Promise<WholeAnswer> {
  const attempts = host.attempts(request);
  for (;;) {
    try {
      const response = await host.exchange({ ...request, method: "GET" });
      return { response, body: await response.read(limit) };
    } catch (error) {
      request.signal?.throwIfAborted();
      await attempts.failed(error);
    }
  }
}
