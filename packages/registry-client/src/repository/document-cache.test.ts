import { digestOf } from "@lading/oci";
import { expect, test } from "vitest";
import { DocumentCache } from "./document-cache.ts";

test("what was used longest ago leaves when there is too much", () => {
  const cache = new DocumentCache(250);
  const [a, b, c] = [digestOf("a"), digestOf("b"), digestOf("c")] as const;
  cache.set(a, new Uint8Array(100));
  cache.set(b, new Uint8Array(100));
  cache.get(a);
  cache.set(c, new Uint8Array(100));
  expect([a, b, c].map((digest) => cache.get(digest)?.byteLength)).toEqual([100, undefined, 100]);
});

test("what is larger than everything is not kept, and a document that is set again counts once", () => {
  const cache = new DocumentCache(250);
  const [a, b] = [digestOf("a"), digestOf("b")] as const;
  for (let i = 0; i < 5; i += 1) cache.set(a, new Uint8Array(100));
  cache.set(b, new Uint8Array(100));
  expect(cache.get(a)).toHaveLength(100);
  cache.set(digestOf("c"), new Uint8Array(300));
  expect(cache.get(digestOf("c"))).toBeUndefined();
});
