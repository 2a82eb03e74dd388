import { expect, test } from "vitest";
import { SharedWork } from "./shared-work.ts";

test("work is done once, however many ask for it, and theirs goes on meanwhile", async () => {
  const work = new SharedWork<string>(undefined);
  const both = Promise.withResolvers<void>();
  const begun: string[] = [];
  const piece = (key: string): Promise<string> =>
    work.do(key, async () => {
      begun.push(key);
      if (begun.length === 2) both.resolve();
      await both.promise;
      return key;
    });
  expect(await work.finish(async () => await Promise.all([piece("a"), piece("b"), piece("a")]))).toEqual([
    "a",
    "b",
    "a",
  ]);
  expect(begun).toEqual(["a", "b"]);
});

test("the first failure ends all other work, and is what is thrown once that has ended", async () => {
  const work = new SharedWork<void>(undefined);
  const failure = new Error("first");
  const order: string[] = [];
  const slow = async (): Promise<void> => {
    await new Promise((resolve) => work.signal.addEventListener("abort", resolve));
    order.push("aborted");
    await new Promise((resolve) => setImmediate(resolve));
    order.push("cleaned up");
    throw new Error("because of the first");
  };
  const all = work.finish(
    async () => await Promise.all([work.do("slow", slow), work.do("bad", async () => await Promise.reject(failure))]),
  );
  await expect(all).rejects.toBe(failure);
  expect(order).toEqual(["aborted", "cleaned up"]);
  await expect(work.do("late", async () => undefined)).rejects.toBe(failure);
});

test("whoever aborts the whole gets their own reason back", async () => {
  const outer = new AbortController();
  const work = new SharedWork<void>(outer.signal);
  const waiting = work.finish(
    async () =>
      await work.do("a", async () => {
        await new Promise((resolve) => work.signal.addEventListener("abort", resolve));
        throw new Error("wrapped");
      }),
  );
  const reason = new Error("enough");
  outer.abort(reason);
  await expect(waiting).rejects.toBe(reason);
});
