import { expect, test } from "vitest";
import { nodeBase } from "./node-base.ts";

test.each([
  [undefined, "node:24-slim"],
  [">=18", "node:24-slim"],
  ["^22.1.0", "node:22-slim"],
  [">=20 <23", "node:22-slim"],
  ["18 || 20", "node:20-slim"],
  ["25.x", "node:25-slim"],
  ["whatever", "node:24-slim"],
])("engines.node %s gives %s", (engines, base) => {
  expect(nodeBase(engines)).toBe(base);
});
