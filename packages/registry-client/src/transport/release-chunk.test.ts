import { expect, test } from "vitest";
import { releaseChunk } from "./release-chunk.ts";

test("a chunk that is all of its buffer is freed, also when it is given back twice", () => {
  const chunk = new Uint8Array(65_536);
  releaseChunk(chunk);
  releaseChunk(chunk);
  expect(chunk.byteLength).toBe(0);
});

test("a chunk that shares its buffer is left alone", () => {
  const chunk = new Uint8Array(100).subarray(0, 50);
  releaseChunk(chunk);
  expect(chunk.byteLength).toBe(50);
});
