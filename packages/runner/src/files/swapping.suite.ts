import { rename } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";

/** Works while two paths take each other's place, for a time of their own each. */
export async function whileSwapping(one: string, other: string, work: () => Promise<void>): Promise<void> {
  const done = new AbortController();
  const swap = (async () => {
    while (!done.signal.aborted) {
      await rename(one, `${one}.away`);
      await rename(other, one);
      await delay(Math.random() * 3);
      await rename(one, other);
      await rename(`${one}.away`, one);
      await delay(Math.random() * 3);
    }
  })();
  try {
    await work();
  } finally {
    done.abort();
    await swap;
  }
}
