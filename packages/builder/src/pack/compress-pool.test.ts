import { expect, test } from "vitest";
import { CompressPool } from "./compress-pool.ts";

const gzip = { kind: "gzip", level: 6 } as const;

test("a thread that fails is an error for everyone who waits, not a hang", async () => {
  await using pool = new CompressPool(2);
  const bad = await pool.acquire();
  const good = await pool.acquire();
  // No such level: the codec throws inside the thread.
  const failed = pool.compress(bad, {
    compression: { kind: "gzip", level: 99 },
    length: 1,
    dictionaryLength: 0,
    last: true,
  });

  await expect(failed).rejects.toThrow("Cannot compress: a worker thread failed");
  await expect(pool.compress(good, { compression: gzip, length: 1, dictionaryLength: 0, last: true })).rejects.toThrow(
    "Cannot compress",
  );
  expect(() => pool.tryAcquire()).toThrow("Cannot compress");
});

test("a failing thread also wakes those who wait for a slot", async () => {
  await using pool = new CompressPool(1);
  const bad = await pool.acquire();
  while (pool.tryAcquire() !== undefined);
  const waiting = pool.acquire();
  const failed = pool.compress(bad, {
    compression: { kind: "gzip", level: 99 },
    length: 1,
    dictionaryLength: 0,
    last: true,
  });

  await expect(Promise.allSettled([failed, waiting])).resolves.toMatchObject([
    { status: "rejected" },
    { status: "rejected" },
  ]);
});

test("a slot goes to who waited first", async () => {
  await using pool = new CompressPool(1);
  const first = await pool.acquire();
  while (pool.tryAcquire() !== undefined);
  const order: string[] = [];
  const waiting = ["a", "b"].map(async (name) => {
    const slot = await pool.acquire();
    order.push(name);
    pool.release(slot);
  });
  pool.release(first);
  await Promise.all(waiting);

  expect(order).toEqual(["a", "b"]);
});

test("a pool that packed nothing has started no thread, and closes at once", async () => {
  const pool = new CompressPool(4);
  await pool.close();

  expect(pool.started).toBe(false);
});

test("closing waits for the chunks in work", async () => {
  const pool = new CompressPool(1);
  const slot = await pool.acquire();
  slot.chunk.fill(7);
  const chunk = pool.compress(slot, { compression: gzip, length: slot.chunk.length, dictionaryLength: 0, last: true });
  await pool.close();

  expect((await chunk).length).toBeGreaterThan(0);
});
