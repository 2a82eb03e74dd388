import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { crc32, inflateRawSync } from "node:zlib";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createDeflater, DEFAULT_GZIP_LEVEL, type GzipLevel } from "./deflate.ts";

const levels: readonly GzipLevel[] = [1, 2, 3, 4, 5, 6, 7, 8, 9];
const deflaters = new Map(levels.map((level) => [level, createDeflater(level)]));
const CHUNK = createDeflater().chunkSize;
const WINDOW = 32_768;

/** The whole stream, cut into chunks, each with its dictionary. */
function deflate(data: Uint8Array, level: GzipLevel, chunkSize: number = CHUNK): Buffer {
  const deflater = deflaters.get(level) ?? createDeflater(level);
  const runs: Buffer[] = [];
  let at = 0;
  do {
    const end = Math.min(at + chunkSize, data.length);
    const dictionary = data.subarray(Math.max(0, at - WINDOW), at);
    runs.push(Buffer.from(deflater.deflate(data.subarray(at, end), dictionary, end === data.length)));
    at = end;
  } while (at < data.length);
  return Buffer.concat(runs);
}

function expectRoundTrip(data: Uint8Array, level: GzipLevel, chunkSize?: number): Buffer {
  const deflated = deflate(data, level, chunkSize);
  expect(Buffer.compare(inflateRawSync(deflated), data)).toBe(0);
  return deflated;
}

/** Numbers below 2^32 that are the same everywhere (xorshift). */
function randomNumbers(seed: number): () => number {
  let x = seed;
  return () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return x >>> 0;
  };
}

function randomBytes(size: number, seed = 1): Uint8Array {
  const next = randomNumbers(seed);
  return Uint8Array.from({ length: size }, () => next() >>> 24);
}

/** Words of a small vocabulary, the first of them the most frequent. */
function prose(size: number, seed = 1): Buffer {
  const next = randomNumbers(seed);
  const words = Array.from({ length: 600 }, () =>
    Array.from({ length: 2 + (next() % 9) }, () => String.fromCharCode(97 + (next() % 26))).join(""),
  );
  let text = "";
  while (text.length < size) {
    const rank = Math.min(next() % 600, next() % 600, next() % 600);
    text += `${words[rank]}${next() % 12 === 0 ? ".\n" : " "}`;
  }
  return Buffer.from(text.slice(0, size));
}

/** Lines with much in common, of which some words and numbers change. */
function log(lines: number): Buffer {
  const next = randomNumbers(11);
  const names = prose(4_000, 12).toString().split(/\W+/);
  const line = (i: number): string =>
    `{"time":${1_700_000_000 + i},"level":"${next() % 9 === 0 ? "warning" : "information"}",` +
    `"path":"/${names[next() % names.length]}/${names[next() % 40]}","bytes":${next() % 70_000}}\n`;
  return Buffer.from(Array.from({ length: lines }, (_, i) => line(i)).join(""));
}

/** Prose, random bytes, zeros, logs and records with a counter, in runs of uneven lengths. */
function corpus(): Buffer {
  const records = Buffer.alloc(120_000);
  for (let i = 0; i + 12 <= records.length; i += 12) {
    records.writeUInt32LE(i * 7, i);
    records.writeUInt16BE(i % 500, i + 6);
  }
  return Buffer.concat([
    prose(700_001),
    randomBytes(150_003),
    Buffer.alloc(100_000),
    records,
    log(4_000),
    prose(400_000, 2),
    Uint8Array.from(randomBytes(90_000, 3), (byte) => byte & 15),
    randomBytes(20_000, 4),
    prose(30_000, 5),
  ]);
}

const mixed = corpus();

const samples: Readonly<Record<string, Uint8Array>> = {
  "no bytes": new Uint8Array(),
  "one byte": Uint8Array.of(65),
  "three equal bytes": Buffer.from("aaa"),
  "two chunks less a byte": mixed.subarray(0, 2 * CHUNK - 1),
  "exactly one chunk": mixed.subarray(0, CHUNK),
  "one chunk and one byte": mixed.subarray(0, CHUNK + 1),
  "mixed data": mixed,
  prose: prose(300_000),
  "all zero": new Uint8Array(CHUNK + 5),
  "random bytes": randomBytes(CHUNK + 77),
  "one period of two": Buffer.from("ab".repeat(50_000)),
  "every byte, over and over": Uint8Array.from({ length: 100_000 }, (_, i) => i),
};

describe.each(levels)("level %i", (level) => {
  test.each(Object.entries(samples))("inflates to what was deflated: %s", (_, data) => {
    expectRoundTrip(data, level);
  });

  test("random bytes grow by less than a thousandth", () => {
    const data = randomBytes(3 * CHUNK);
    expect(expectRoundTrip(data, level).length).toBeLessThan(data.length * 1.001);
  });

  test("finds a match in the dictionary, up to 32768 bytes back and not a byte farther", () => {
    const phrase = randomBytes(2_000, 9);
    const near = Buffer.concat([phrase, randomBytes(WINDOW - phrase.length, 10), phrase]);
    const far = Buffer.concat([phrase, randomBytes(WINDOW - phrase.length + 1, 10), phrase]);
    expect(expectRoundTrip(near, level, WINDOW).length).toBeLessThan(WINDOW + 200);
    expect(expectRoundTrip(far, level, WINDOW + 1).length).toBeGreaterThan(WINDOW + phrase.length);
  });

  test("a run of one byte takes matches of 258", () => {
    // 4064 matches at no less than two bits each.
    expect(expectRoundTrip(new Uint8Array(CHUNK), level).length).toBeLessThan(1_300);
  });

  test("round trip of arbitrary data in arbitrary chunks", () => {
    const run = fc.oneof(
      fc.uint8Array({ maxLength: 600 }),
      fc
        .tuple(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.integer({ min: 1, max: 400 }))
        .map(([unit, n]) => Buffer.concat(Array.from({ length: n }, () => unit))),
      fc.tuple(fc.nat(mixed.length), fc.nat(40_000)).map(([at, size]) => mixed.subarray(at, at + size)),
    );
    fc.assert(
      fc.property(fc.array(run, { maxLength: 12 }), fc.integer({ min: 1, max: 50_000 }), (runs, chunkSize) => {
        const data = Buffer.concat(runs);
        expectRoundTrip(data, level, Math.max(chunkSize, Math.ceil(data.length / 50)));
      }),
      { numRuns: 40, seed: 7 },
    );
  });

  test("the same bytes whatever was compressed before", () => {
    const used = createDeflater(level);
    used.deflate(randomBytes(CHUNK, 5), prose(WINDOW), false);
    used.deflate(mixed.subarray(5, CHUNK), prose(WINDOW), true);
    const chunk = prose(70_000, 8);
    const dictionary = prose(9_000, 9);
    const again = Buffer.from(used.deflate(chunk, dictionary, false));
    expect(again.equals(createDeflater(level).deflate(chunk, dictionary, false))).toBe(true);
  });
});

test("other decoders accept the stream: gzip", () => {
  const frame = Buffer.alloc(18);
  frame.set([0x1f, 0x8b, 8]);
  frame.writeUInt32LE(crc32(mixed), 10);
  frame.writeUInt32LE(mixed.length, 14);
  const member = Buffer.concat([frame.subarray(0, 10), deflate(mixed, DEFAULT_GZIP_LEVEL), frame.subarray(10)]);
  execFileSync("gzip", ["-t"], { input: member });
});

test("level 9 is smaller than the default, which is smaller than level 1", () => {
  const [fast, usual, best] = ([1, DEFAULT_GZIP_LEVEL, 9] as const).map((level) => deflate(mixed, level).length);
  expect(usual).toBeLessThan(fast ?? 0);
  expect(best).toBeLessThan(usual ?? 0);
});

test("a chunk that is too large is refused", () => {
  expect(() => createDeflater().deflate(new Uint8Array(CHUNK + 1), new Uint8Array(), true)).toThrow(
    `Cannot deflate a chunk of ${CHUNK + 1} bytes: the most is ${CHUNK}`,
  );
});

// A change of these changes the digest of every image that was built with the level: say so in the release notes.
const pinned: Readonly<Record<GzipLevel, string>> = {
  1: "b34ccef17fe12e3500ffa905a0294bb4c05beeadcf1d7c78f3a65b08732033dc",
  2: "32c285819c3bbb680269972c9cda771b2b9d1f367769a981b2021a399fd5aa4f",
  3: "4af01bc35d03f35e97cfe6af26e6557b3f5c9d5b1dbca2f5af4c13391c6bd9ef",
  4: "e965accd9824c53c3c941c19e3bea7b71e0e71e3ceeb1cfd304713966fb0e6ce",
  5: "8bed42438c0e67a376e7419c7bf78fe0ff74670dd8e00e278b247c0276ac8415",
  6: "a95733d2a18bf52977c793d112fc61720ca952203bbe4bc35d2bafd432b84de0",
  7: "dda434e6b9811955b3235b7035898ea3d1bd212ecef20ccd7f4f8078b530fe22",
  8: "bbc83206d0c5355808c770ccc0584b6e2386bfed74c13891cb798088a49faa09",
  9: "e9161dc973ebd6eec4050487f6e40e174f890b471b6e82aa5b005eb4f79329b7",
};

test.each(levels)("the bytes of level %i are pinned", (level) => {
  expect(createHash("sha256").update(deflate(mixed, level)).digest("hex")).toBe(pinned[level]);
});
