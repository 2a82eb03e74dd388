import { setTimeout as delay } from "node:timers/promises";
import { releaseLock, takeLock } from "../state/process-lock.ts";

// The lock is the process's, so those within it line up before it.
const lines = new Map<string, Promise<void>>();

const pause = 5; // milliseconds

/** Does `work` while no other process, and nobody else in this one, does with the same path. */
export async function whileLocked<T>(path: string, work: () => T | Promise<T>): Promise<T> {
  const before = lines.get(path) ?? Promise.resolve();
  const { promise: done, resolve } = Promise.withResolvers<void>();
  lines.set(path, done);
  await before;
  try {
    while (takeLock(path) !== undefined) await delay(pause);
    try {
      return await work();
    } finally {
      releaseLock(path);
    }
  } finally {
    if (lines.get(path) === done) lines.delete(path);
    resolve();
  }
}
