import { expect, test } from "vitest";
import { Limiter } from "./limiter.ts";

test("Limiter runs no more than its slots at once, in order, past failures", async () => {
  const limiter = new Limiter(3);
  let running = 0;
  let most = 0;
  const order: number[] = [];
  const tasks = Array.from({ length: 20 }, (_, i) =>
    limiter.run(async () => {
      order.push(i);
      most = Math.max(most, (running += 1));
      await new Promise((resolve) => setImmediate(resolve));
      running -= 1;
      if (i % 5 === 0) throw new Error("failed");
      return i;
    }),
  );
  const results = await Promise.allSettled(tasks);
  expect(most).toBe(3);
  expect(order).toEqual(Array.from({ length: 20 }, (_, i) => i));
  expect(results.filter((result) => result.status === "rejected")).toHaveLength(4);
  expect(await limiter.run(async () => "still alive")).toBe("still alive");
});

test("Limiter refuses to limit to nothing", () => {
  expect(() => new Limiter(0)).toThrow(RangeError);
});
