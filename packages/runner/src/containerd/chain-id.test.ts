import { createHash } from "node:crypto";
import type { Digest } from "@lading/oci";
import { expect, test } from "vitest";
import { chainIds } from "./chain-id.ts";

const hash = (text: string): string => `sha256:${createHash("sha256").update(text).digest("hex")}`;
const diffId = (digit: string): Digest => `sha256:${digit.repeat(64)}`;

test("the lowest layer's chain ID is its diffID, and each one above is hashed over the one below", () => {
  const [a, b, c] = [diffId("a"), diffId("b"), diffId("c")];

  const chain = chainIds([a, b, c]);

  expect(chain).toEqual([a, hash(`${a} ${b}`), hash(`${hash(`${a} ${b}`)} ${c}`)]);
});

test("an image without layers has no chain", () => {
  expect(chainIds([])).toEqual([]);
});
