import { crc32, gzipSync, zstdCompressSync } from "node:zlib";
import { buffer } from "node:stream/consumers";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { Blob, Bytes } from "../content.ts";
import { type Compression, decompress, type DecompressOptions, sniffCompression } from "./decompress.ts";
import { mediaTypes } from "../descriptor.ts";
import { digestOf } from "../digest.ts";
import { openLayer } from "./layer-bytes.ts";

async function* chunks(bytes: Uint8Array, size = 65_536): Bytes {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}
async function unpack(bytes: Uint8Array, options?: DecompressOptions & { size?: number }): Promise<Buffer> {
  return buffer(decompress(chunks(bytes, options?.size), options));
}

const skippable = Buffer.from("5a2a4d1803000000616263", "hex");
const codecs = {
  gzip: (bytes: Uint8Array) => gzipSync(bytes),
  zstd: (bytes: Uint8Array) => zstdCompressSync(bytes),
};

test.each(["gzip", "zstd"] as const)("%s of many parts is read whole, in chunks of any size", async (codec) => {
  const part = fc.oneof(
    fc.uint8Array({ maxLength: 50 }),
    fc.nat(300_000).map((length) => new Uint8Array(length)),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(part, { minLength: 1, maxLength: 6 }),
      fc.integer({ min: 1, max: 500 }),
      async (parts, size) => {
        const packed = Buffer.concat(parts.map((one) => codecs[codec](one)));
        expect((await unpack(packed, { size })).equals(Buffer.concat(parts))).toBe(true);
        expect((await unpack(packed)).equals(Buffer.concat(parts))).toBe(true);
      },
    ),
    { numRuns: 40 },
  );
});

test("skippable frames before, between and after zstd frames are passed over", async () => {
  const frame = zstdCompressSync(Buffer.from("hello"));
  const packed = Buffer.concat([skippable, skippable, frame, skippable, frame, skippable]);
  for (const size of [1, 7, 1000]) expect((await unpack(packed, { size })).toString()).toBe("hellohello");
});

test("zstd blocks of every kind and frames without checksum are followed", async () => {
  const random = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (Math.imul(i, 2654435761) >>> 13) & 255));
  const plain = Buffer.concat([random, new Uint8Array(400_000), Buffer.from("text ".repeat(40_000))]);
  const packed = Buffer.concat([zstdCompressSync(plain), zstdCompressSync(random)]);
  expect((await unpack(packed)).equals(Buffer.concat([plain, random]))).toBe(true);
  // Magic, single segment of 5 bytes, one last raw block (RFC 8878 §3.1.1), no checksum.
  const raw = Buffer.concat([Buffer.from("28b52ffd2005290000", "hex"), Buffer.from("hello")]);
  expect((await unpack(Buffer.concat([raw, raw]))).toString()).toBe("hellohello");
});

test.each(["gzip", "zstd"] as const)("%s that ends early is refused, wherever", async (codec) => {
  const packed = Buffer.concat([codecs[codec](Buffer.from("some text")), codecs[codec](Buffer.from("more text"))]);
  const whole = codecs[codec](Buffer.from("some text")).length;
  // Fewer than the magic's bytes are not compressed at all.
  for (let length = 4; length < packed.length; length++)
    if (length !== whole)
      await expect(unpack(packed.subarray(0, length))).rejects.toMatchObject({ code: "INVALID_ARCHIVE" });
});

test.each(["gzip", "zstd"] as const)("%s followed by anything but another part is refused", async (codec) => {
  const packed = codecs[codec](Buffer.from("some text"));
  for (const tail of [Buffer.alloc(1), Buffer.alloc(512), Buffer.from("garbage"), Buffer.alloc(100_000, 7)])
    for (const size of [1, packed.length, 65_536])
      await expect(unpack(Buffer.concat([packed, tail]), { size })).rejects.toMatchObject({ code: "INVALID_ARCHIVE" });
});

test("a gzip with a wrong CRC is refused", async () => {
  const packed = gzipSync(Buffer.from("some text"));
  packed.writeUInt32LE(crc32("other text"), packed.length - 8);
  await expect(unpack(packed)).rejects.toThrow("Cannot decompress gzip: incorrect data check");
});

test("a zstd frame that wants a window of more than 128 MiB is refused", async () => {
  // Magic, no single segment, window descriptor 1 << 29, one last raw block.
  const frame = Buffer.concat([Buffer.from("28b52ffd0098290000", "hex"), Buffer.from("hello")]);
  await expect(unpack(frame)).rejects.toMatchObject({ code: "INVALID_ARCHIVE" });
});

test("what is not compressed passes as it is, short or empty", async () => {
  for (const text of ["", "a", "plain text"])
    expect((await unpack(Buffer.from(text), { size: 1 })).toString()).toBe(text);
});

test.each<[string, Compression]>([
  ["1f8b08", "gzip"],
  ["28b52ffd", "zstd"],
  ["502a4d18", "zstd"],
  ["425a68393141", "bzip2"],
  ["425a68391772", "bzip2"],
  ["425a682e7478", "none"],
  ["fd377a585a00", "xz"],
  ["75737461", "none"],
  ["", "none"],
])("bytes that begin with %s are %s", (head, compression) => {
  expect(sniffCompression(Buffer.from(head, "hex"))).toBe(compression);
});

test("bzip2 and xz are named and refused", async () => {
  await expect(unpack(Buffer.from("BZh91AY"))).rejects.toMatchObject({
    code: "UNSUPPORTED",
    message: "Cannot decompress bzip2",
  });
});

test.each(["gzip", "zstd"] as const)("a %s bomb is stopped by size and by ratio", async (codec) => {
  const part = codecs[codec](new Uint8Array(1 << 20));
  async function* endless(): Bytes {
    for (;;) yield part;
  }
  const drain = async (options: DecompressOptions): Promise<void> => {
    for await (const chunk of decompress(endless(), options)) void chunk;
  };
  await expect(drain({ maxBytes: 1 << 24 })).rejects.toMatchObject({ code: "LIMIT_EXCEEDED" });
  await expect(drain({ maxRatio: 10 })).rejects.toThrow("more than 10 times the compressed size");
});

test("what the source throws comes through as it is, and leaving early lets the source go", async () => {
  const failure = new Error("connection lost");
  let released = 0;
  async function* source(fails: boolean): Bytes {
    try {
      yield gzipSync(Buffer.alloc(1 << 22));
      if (fails) throw failure;
      for (;;) yield gzipSync(Buffer.alloc(1 << 22));
    } finally {
      released++;
    }
  }
  await expect(buffer(decompress(source(true)))).rejects.toBe(failure);
  for await (const chunk of decompress(source(false))) if (chunk.length > 0) break;
  await expect.poll(() => released).toBe(2);
});

const blobOf = (bytes: Uint8Array): Blob => ({
  descriptor: { mediaType: mediaTypes.ociLayer, digest: digestOf(bytes), size: bytes.length },
  open: () => chunks(bytes),
});

test("a layer is read by what its bytes are, and verified against its diffID", async () => {
  const tar = Buffer.alloc(1024);
  for (const bytes of [tar, gzipSync(tar), zstdCompressSync(tar)]) {
    const read = await buffer(openLayer(blobOf(bytes), { diffId: digestOf(tar) }));
    expect(read.equals(tar)).toBe(true);
    const wrong = buffer(openLayer(blobOf(bytes), { diffId: digestOf("") }));
    await expect(wrong).rejects.toMatchObject({ code: "DIFFID_MISMATCH" });
  }
});

test("a layer compressed twice is refused, naming its media type", async () => {
  const layer = blobOf(gzipSync(gzipSync(Buffer.alloc(1024))));
  await expect(buffer(openLayer(layer))).rejects.toThrow(
    `its ${mediaTypes.ociLayer} holds gzip again instead of a tar`,
  );
});
