import { setTimeout as delay } from "node:timers/promises";
import type { Options } from "@lading/oci";
import { releaseLock, takeLock } from "./process-lock.ts";

const pause = 20; // milliseconds

/**
 * The files of a container may be mounted once at a time: two overlays over the same folders do not
 * see what the other changes. Waits until nobody has them, here or in another process.
 */
export async function lockFiles(path: string, { signal }: Options = {}): Promise<Disposable> {
  while (takeLock(path) !== undefined) await delay(pause, undefined, { signal });
  return { [Symbol.dispose]: () => releaseLock(path) };
}
