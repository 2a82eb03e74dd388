import { cases, casesIn } from "@lading/testkit";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { mediaTypes } from "./descriptor.ts";
import { digestOf } from "./digest.ts";
import {
  detectMediaType,
  parseConfig,
  parseDescriptor,
  parseDockerArchive,
  parseIndex,
  parseLayoutMarker,
  parseManifest,
} from "./documents.ts";
import { jsonBytes, parseJson } from "./json.ts";

const descriptor = { mediaType: mediaTypes.ociConfig, digest: digestOf("x"), size: 1 };
const layer = { ...descriptor, mediaType: mediaTypes.ociLayer };
const manifest = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config: descriptor, layers: [layer] };
const config = { architecture: "amd64", os: "linux", rootfs: { type: "layers", diff_ids: [digestOf("x")] } };

test("parseManifest() keeps what it does not know, and the order", () => {
  const document = { "x-unknown": { deep: [1, null] }, ...manifest };
  expect(JSON.stringify(parseManifest(jsonBytes(document)))).toBe(JSON.stringify(document));
});

test.each([
  ["a manifest that is an index as well", { ...manifest, manifests: [] }, "manifests"],
  ["a manifest of Docker schema 1 parts", { ...manifest, fsLayers: [] }, "fsLayers"],
  ["another media type than the descriptor's", { ...manifest, mediaType: mediaTypes.ociIndex }, "its descriptor says"],
  ["no layers", { ...manifest, layers: [] }, "layers: no layers"],
  ["layers that are null", { ...manifest, layers: null }, "layers"],
  ["a size that is text", { ...manifest, config: { ...descriptor, size: "1" } }, 'config.size "1"'],
  ["a size below zero", { ...manifest, layers: [{ ...layer, size: -1 }] }, "layers[0].size"],
  ["a size that numbers cannot hold", { ...manifest, layers: [{ ...layer, size: 2 ** 53 }] }, "layers[0].size"],
  [
    "a digest in upper case",
    { ...manifest, config: { ...descriptor, digest: descriptor.digest.toUpperCase() } },
    "config.digest",
  ],
  [
    "a digest that is a path",
    { ...manifest, config: { ...descriptor, digest: "../../x:aaaa" } },
    'config.digest "../../x:aaaa"',
  ],
  ["an array", [manifest], "manifest"],
])("parseManifest() refuses %s", (_, document, reason) => {
  const parse = (): unknown => parseManifest(jsonBytes(document), mediaTypes.ociManifest);
  expect(parse).toThrow(expect.objectContaining({ code: "INVALID_DOCUMENT" }));
  expect(parse).toThrow(reason);
});

test("parseManifest() names Docker schema 1 for what it is", () => {
  expect(() => parseManifest(jsonBytes({ schemaVersion: 1, fsLayers: [], history: [] }))).toThrow("schema 1");
});

test("parseIndex() refuses an index that is a manifest as well", () => {
  const index = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [], layers: [] };
  expect(() => parseIndex(jsonBytes(index))).toThrow('it also has "layers"');
});

test("an algorithm that is not known here is UNSUPPORTED, not invalid", () => {
  expect(() => parseDescriptor({ ...descriptor, digest: "blake3:abc" })).toThrow(
    expect.objectContaining({ code: "UNSUPPORTED" }),
  );
});

test("a descriptor's nulls are left out, in whichever document", () => {
  const nulls = { annotations: null, urls: null, platform: null, artifactType: null };
  const layers = [{ ...layer, ...nulls }];
  expect(parseManifest(jsonBytes({ ...manifest, config: { ...descriptor, ...nulls }, layers }))).toEqual(manifest);
  const platform = { os: "linux", architecture: "amd64", "os.features": null };
  const manifests = [
    { ...descriptor, ...nulls },
    { ...descriptor, platform },
  ];
  expect(parseIndex(jsonBytes({ schemaVersion: 2, manifests })).manifests).toEqual([
    descriptor,
    { ...descriptor, platform: { os: "linux", architecture: "amd64" } },
  ]);
});

test("parseConfig() leaves out the nulls Go writes, and keeps unknown ones", () => {
  const parsed = parseConfig(
    jsonBytes({ ...config, container: null, config: { Cmd: null, Env: null, Image: null, Labels: { a: "b" } } }),
  );
  expect(parsed).toEqual({ ...config, container: null, config: { Image: null, Labels: { a: "b" } } });
});

test("parseConfig() keeps labels as data, whatever they are called", () => {
  const parsed = parseConfig(
    Buffer.from(
      '{"architecture":"amd64","os":"linux","config":{"Labels":{"__proto__":"x","constructor":"y"}},"rootfs":{"type":"layers","diff_ids":[]}}',
    ),
  );
  expect(JSON.stringify(parsed.config?.Labels)).toBe('{"__proto__":"x","constructor":"y"}');
  expect(Object.keys({ ...parsed.config?.Labels })).toEqual(["__proto__", "constructor"]);
});

test("parseConfig() refuses a config without platform or rootfs", () => {
  expect(() => parseConfig(jsonBytes({ ...config, os: undefined }))).toThrow("os");
  expect(() => parseConfig(jsonBytes({}))).toThrow(expect.objectContaining({ code: "INVALID_DOCUMENT" }));
});

test("parseLayoutMarker() knows version 1.0.0 alone", () => {
  parseLayoutMarker(jsonBytes({ imageLayoutVersion: "1.0.0" }));
  expect(() => parseLayoutMarker(jsonBytes({ imageLayoutVersion: "2.0.0" }))).toThrow("imageLayoutVersion");
});

test("parseDockerArchive() takes the null tags of an image without a name", () => {
  expect(parseDockerArchive(jsonBytes([{ Config: "c", RepoTags: null, Layers: ["l"] }]))).toEqual([
    { Config: "c", Layers: ["l"] },
  ]);
});

test("detectMediaType() tells a document by what it says, then by its shape", () => {
  expect(detectMediaType(jsonBytes({ ...manifest, mediaType: mediaTypes.dockerManifest }))).toBe(
    mediaTypes.dockerManifest,
  );
  expect(detectMediaType(jsonBytes({ schemaVersion: 2, config: {}, layers: [] }))).toBe(mediaTypes.ociManifest);
  expect(detectMediaType(jsonBytes({ schemaVersion: 2, manifests: [] }))).toBe(mediaTypes.ociIndex);
  expect(detectMediaType(Buffer.from([0x1f, 0x8b]))).toBeUndefined();
});

describe.runIf(cases !== undefined)("as the image-spec", () => {
  const all = casesIn(
    "image-spec-documents.json",
    z.object({ kind: z.string(), document: z.string(), expectFail: z.boolean(), digest: z.string().optional() }),
  );
  const parsers: Readonly<Record<string, (document: string) => unknown>> = {
    "image-manifest": (document) => parseManifest(Buffer.from(document), mediaTypes.ociManifest),
    "image-index": (document) => parseIndex(Buffer.from(document), mediaTypes.ociIndex),
    "image-config": (document) => parseConfig(Buffer.from(document)),
    descriptor: (document) => parseDescriptor(parseJson(document)),
    "docker-compat": (document) =>
      document.includes('"rootfs"') ? parseConfig(Buffer.from(document)) : parseManifest(Buffer.from(document)),
  };

  test.each(all.map((one, i) => [`${one.kind} ${i}`, one] as const))(
    "%s",
    (_, { kind, document, expectFail, digest }) => {
      const parse = parsers[kind];
      if (parse === undefined) throw new Error(`Cannot test a document of kind ${kind}`);
      if (expectFail) {
        expect(() => parse(document)).toThrow(expect.objectContaining({ code: "INVALID_DOCUMENT" }));
      } else if (document.includes("sha256+")) {
        // Well formed by the spec, of an algorithm that is not known here.
        expect(() => parse(document)).toThrow(expect.objectContaining({ code: "UNSUPPORTED" }));
      } else {
        expect(parse(document)).toEqual(expect.objectContaining({}));
        if (digest !== undefined) expect(digestOf(document)).toBe(digest);
      }
    },
  );
});
