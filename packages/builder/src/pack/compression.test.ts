import { expect, test } from "vitest";
import { formatCompression, layerMediaType, parseCompression } from "./compression.ts";

test.each([
  ["gzip:1", { kind: "gzip", level: 1 }],
  ["gzip:9", { kind: "gzip", level: 9 }],
  ["zstd:1", { kind: "zstd", level: 1 }],
  ["zstd:22", { kind: "zstd", level: 22 }],
  ["none", { kind: "none", level: 0 }],
])("%s is read and written back", (text, compression) => {
  expect(parseCompression(text)).toEqual(compression);
  expect(formatCompression(parseCompression(text))).toBe(text);
});

test("gzip is what nothing means", () => {
  expect(parseCompression()).toEqual(parseCompression("gzip"));
});

test.each([
  ["gzip:0", "levels of gzip are 1 to 9"],
  ["gzip:10", "levels of gzip are 1 to 9"],
  ["zstd:23", "levels of zstd are 1 to 22"],
  ["gzip:", "levels of gzip are 1 to 9"],
  ["gzip:fast", "levels of gzip are 1 to 9"],
  ["none:1", "none takes no level"],
  ["xz", "expected gzip, zstd or none"],
  ["gzip:1:2", "expected gzip, zstd or none"],
  ["", "expected gzip, zstd or none"],
])("%j is refused with the reason", (text, reason) => {
  expect(() => parseCompression(text)).toThrow(
    expect.objectContaining({ name: "SyntaxError", message: expect.stringContaining(reason) }),
  );
  expect(() => parseCompression(text)).toThrow(JSON.stringify(text));
});

test("each kind has its media type", () => {
  const types = ["gzip", "zstd", "none"].map((text) => layerMediaType(parseCompression(text)));

  expect(types).toEqual([
    "application/vnd.oci.image.layer.v1.tar+gzip",
    "application/vnd.oci.image.layer.v1.tar+zstd",
    "application/vnd.oci.image.layer.v1.tar",
  ]);
});
