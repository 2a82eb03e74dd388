import { randomImage } from "@lading/testkit";
import { expect, test } from "vitest";
import type { Source } from "./content.ts";
import { firstOf } from "./first-of.ts";
import { MemoryStore } from "./store/memory.ts";
import { tapBlob, tapSource } from "./tap.ts";
import { readBlob, verified } from "./verify.ts";

test("a tap sees every opening, byte and failure, and the reader the same bytes", async () => {
  const { source, descriptor } = await randomImage();
  const seen: unknown[] = [];
  const tapped = tapSource(source, ({ digest }) => ({
    onOpen: () => seen.push("open", digest),
    onBytes: (count) => seen.push(count),
    onError: (cause) => new Error("behind the tap", { cause }),
  }));
  expect(await readBlob(tapped.blob(descriptor))).toEqual(await readBlob(source.blob(descriptor)));
  expect(seen).toEqual(["open", descriptor.digest, descriptor.size]);
  expect(await tapped.resolve(descriptor.digest)).toEqual(descriptor);
  const absent = tapSource(new MemoryStore(), () => ({ onError: () => new Error("behind the tap") }));
  await expect(readBlob(absent.blob(descriptor))).rejects.toThrow("behind the tap");
});

test("bytes are hashed once, however many taps and sources are between", async () => {
  const { source, descriptor } = await randomImage();
  const nothing: Source = new MemoryStore();
  const blob = tapBlob(
    firstOf(
      nothing,
      tapSource(source, () => ({})),
    ).blob(descriptor),
    {},
  );
  const bytes = blob.open();
  expect(verified(bytes, descriptor)).toBe(bytes);
});
