import { buffer } from "node:stream/consumers";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { Bytes } from "../content.ts";
import { OciError } from "../errors.ts";
import type { TarHeader } from "./tar-header.ts";
import { readTar, type ReadTarOptions } from "./tar-reader.ts";
import { encodeTarHeader, type TarHeaderInput } from "./tar-writer.ts";

const file = (path: string, rest: Partial<TarHeaderInput> = {}): TarHeaderInput => ({
  path,
  type: "file",
  mode: 0o644,
  uid: 0,
  gid: 0,
  mtime: 0,
  ...rest,
});
const end = Buffer.alloc(1024);
const pad = (bytes: Uint8Array): Buffer => Buffer.concat([bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)]);
const member = (path: string, body = "", rest: Partial<TarHeaderInput> = {}): Buffer =>
  Buffer.concat([encodeTarHeader(file(path, { size: Buffer.byteLength(body), ...rest })), pad(Buffer.from(body))]);

/** Sets bytes of a header block and mends its checksum. */
function patched(block: Uint8Array, at: number, bytes: string | Uint8Array): Buffer {
  const copy = Buffer.from(block);
  copy.set(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes, at);
  copy.fill(0x20, 148, 156);
  copy.write(
    `${copy
      .subarray(0, 512)
      .reduce((a, b) => a + b, 0)
      .toString(8)
      .padStart(6, "0")}\0 `,
    148,
  );
  return copy;
}
const extension = (typeflag: string, body: Uint8Array | string): Buffer => {
  const bytes = Buffer.from(body);
  return Buffer.concat([patched(encodeTarHeader(file("ext", { size: bytes.length })), 156, typeflag), pad(bytes)]);
};
const record = (text: string): string => {
  let length = Buffer.byteLength(text) + 3;
  while (String(length).length + Buffer.byteLength(text) + 2 !== length) length++;
  return `${length} ${text}\n`;
};

/** The tar in chunks of `size` bytes. */
async function* chunks(tar: Uint8Array, size = 4096): Bytes {
  for (let at = 0; at < tar.length; at += size) yield tar.subarray(at, at + size);
}

async function list(tar: Uint8Array | readonly Uint8Array[], options?: ReadTarOptions): Promise<[TarHeader, string][]> {
  const entries: [TarHeader, string][] = [];
  const bytes = tar instanceof Uint8Array ? tar : Buffer.concat(tar);
  for await (const entry of readTar(chunks(bytes), options))
    entries.push([entry.header, (await buffer(entry.body())).toString()]);
  return entries;
}
const names = async (tar: Parameters<typeof list>[0]): Promise<string[]> =>
  (await list(tar)).map(([header]) => header.path);

const name = fc
  .array(
    fc.oneof(
      fc.string({ unit: "binary-ascii", minLength: 1, maxLength: 60 }),
      fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 }),
      fc.integer({ min: 0xdc80, max: 0xdcff }).map((unit) => `x${String.fromCharCode(unit)}y`),
    ),
    { minLength: 1, maxLength: 8 },
  )
  .map((parts) => parts.map((part) => part.replaceAll(/[\0/]/g, "_")).join("/"))
  .filter((path) => path !== ".");
const number = (max: number): fc.Arbitrary<number> =>
  fc.oneof(
    fc.nat(8),
    fc.maxSafeNat().map((n) => n % max),
  );
const header: fc.Arbitrary<TarHeader> = fc
  .record({
    path: name,
    type: fc.constantFrom("file", "directory", "symlink", "hardlink", "char", "block", "fifo"),
    mode: fc.nat(0o7777),
    uid: number(2 ** 32),
    gid: number(2 ** 32),
    uname: fc.oneof(fc.constantFrom("", "root", "größe"), fc.string({ unit: "binary-ascii", maxLength: 40 })),
    gname: fc.constantFrom("", "root", "a-group-name-of-more-than-thirty-two-bytes"),
    size: fc.nat(3000),
    mtime: fc.oneof(
      number(2 ** 40),
      fc.double({ min: -1e9, max: 2e9, noNaN: true }).map((n) => Math.round(n * 1e6) / 1e6),
    ),
    linkname: name,
    devmajor: fc.nat(4095),
    devminor: fc.nat(0o7777777),
    xattrs: fc
      .array(
        fc.tuple(fc.constantFrom("user.a", "security.capability", "user.größe"), fc.uint8Array({ maxLength: 700 })),
      )
      .map((pairs) => new Map(pairs)),
  })
  .map((raw) => {
    const link = raw.type === "symlink" || raw.type === "hardlink";
    const device = raw.type === "char" || raw.type === "block";
    return Object.assign(raw, {
      uname: raw.uname.replaceAll("\0", ""),
      mtime: raw.mtime + 0,
      size: raw.type === "file" ? raw.size : 0,
      linkname: link ? raw.linkname : "",
      devmajor: device ? raw.devmajor : 0,
      devminor: device ? raw.devminor : 0,
    });
  });

test("what is written is read back, in chunks of any size", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(header, { maxLength: 4 }), fc.integer({ min: 1, max: 2000 }), async (headers, size) => {
      const bodies = headers.map((one, i) => Buffer.alloc(one.size, 65 + i));
      const tar = Buffer.concat([...headers.flatMap((one, i) => [encodeTarHeader(one), pad(bodies[i] ?? end)]), end]);
      const read: TarHeader[] = [];
      for await (const entry of readTar(chunks(tar, size))) {
        expect(await buffer(entry.body())).toEqual(bodies[read.length]);
        read.push(entry.header);
      }
      expect(read).toEqual(headers);
    }),
  );
});

test("bodies that nobody reads, or not to the end, are skipped", async () => {
  const tar = Buffer.concat([member("a", "x".repeat(5000)), member("b", "y".repeat(700)), member("c", "z"), end]);
  const seen: string[] = [];
  for await (const entry of readTar(chunks(tar, 600))) {
    if (entry.header.path === "b") for await (const chunk of entry.body()) if (chunk.length > 0) break;
    seen.push(entry.header.path);
  }
  expect(seen).toEqual(["a", "b", "c"]);
});

test("a body cannot be read twice", async () => {
  for await (const entry of readTar(chunks(Buffer.concat([member("a", "x"), end])))) {
    await buffer(entry.body());
    await expect(buffer(entry.body())).rejects.toThrow('Cannot read "a": its body was read before');
  }
});

const base256 = (width: number, value: bigint): Buffer => {
  const field = Buffer.from(
    BigInt.asUintN(width * 8, value)
      .toString(16)
      .padStart(width * 2, "0"),
    "hex",
  );
  field[0] = (field[0] ?? 0) | 0x80;
  return field;
};

test("numbers beyond octal are read from base-256", async () => {
  let block = patched(encodeTarHeader(file("a")), 108, base256(8, 3_000_000_000n));
  block = patched(block, 136, base256(12, -1n));
  expect((await list([block, end]))[0]?.[0]).toMatchObject({ uid: 3_000_000_000, mtime: -1 });
  await expect(list([patched(block, 124, base256(12, -1n)), end])).rejects.toMatchObject({ code: "INVALID_ARCHIVE" });
  await expect(list([patched(block, 124, base256(12, 1n << 90n)), end])).rejects.toThrow('"a" at byte 0: size');
});

test("GNU long names and links are read", async () => {
  const long = `${"n".repeat(300)}/\u00fc`;
  const tar = [
    extension("L", `${long}\0`),
    extension("K", `${long}t\0`),
    encodeTarHeader(file("short", { type: "symlink", linkname: "x" })),
    end,
  ];
  expect((await list(tar))[0]?.[0]).toMatchObject({ path: long, linkname: `${long}t`, type: "symlink" });
});

test("a PAX size belongs to the file and not to a long name in between", async () => {
  const tar = [
    extension("x", record("size=4")),
    extension("L", "long\0"),
    patched(member("short"), 124, "00000000000"),
    pad(Buffer.from("body")),
    end,
  ];
  expect(await list(tar)).toMatchObject([[{ path: "long", size: 4 }, "body"]]);
});

test("ustar prefixes are joined, GNU's other fields in their place are not", async () => {
  const block = patched(encodeTarHeader(file("name")), 345, "prefix");
  expect(await names([block, end])).toEqual(["prefix/name"]);
  expect(await names([patched(block, 257, "ustar  \0"), end])).toEqual(["name"]);
});

test("a file of an old tar whose name ends with a slash is a directory", async () => {
  const block = patched(encodeTarHeader(file("dir/")), 156, "\0");
  expect((await list([block, end]))[0]?.[0]).toMatchObject({ path: "dir", type: "directory" });
});

test("signed checksums of old tars are accepted, wrong ones are not", async () => {
  const block = patched(encodeTarHeader(file("x")), 0, Buffer.from([0xe9]));
  const sum = (from: (byte: number) => number): number =>
    block.subarray(0, 512).reduce((total, byte, i) => total + (i >= 148 && i < 156 ? 0x20 : from(byte)), 0);
  block.write(
    `${sum((byte) => (byte > 127 ? byte - 256 : byte))
      .toString(8)
      .padStart(6, "0")}\0 `,
    148,
    "latin1",
  );
  expect(await names([block, end])).toEqual(["\udce9"]);
  block.write(`${(sum((byte) => byte) + 1).toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  await expect(list([member("a"), block, end])).rejects.toThrow(
    "Cannot read tar header at byte 512: its checksum is wrong",
  );
});

test("global headers change nothing", async () => {
  const tar = [extension("g", record("path=everyone") + record("size=512") + record("uid=7")), member("a", "x"), end];
  expect(await list(tar)).toMatchObject([[{ path: "a", uid: 0 }, "x"]]);
});

test("the archive ends at two blocks of zeros, at one and the end of the bytes, or at the end of the bytes", async () => {
  const a = member("a", "x");
  expect(await names([a, end])).toEqual(["a"]);
  expect(await names([a, Buffer.alloc(512)])).toEqual(["a"]);
  expect(await names([a])).toEqual(["a"]);
  expect(await names([a.subarray(0, 513)])).toEqual(["a"]);
  expect(await names([])).toEqual([]);
  await expect(list([a, Buffer.alloc(512), a])).rejects.toThrow("a single block of zeros");
});

test("bytes after the end are read but are no entries", async () => {
  let read = 0;
  const tar = Buffer.concat([member("a"), end, member("hidden", "x"), Buffer.alloc(9000, 1)]);
  async function* counted(): Bytes {
    for await (const chunk of chunks(tar, 512)) {
      read += chunk.length;
      yield chunk;
    }
  }
  const paths: string[] = [];
  for await (const entry of readTar(counted())) paths.push(entry.header.path);
  expect(paths).toEqual(["a"]);
  expect(read).toBe(tar.length);
});

test.each([
  [
    "within a body",
    [member("big", "x".repeat(600)).subarray(0, 1000)],
    'entry "big": the archive ends after 488 of 600 bytes',
  ],
  ["within a header", [member("a"), member("b").subarray(0, 100)], "at byte 512: the archive ends within a header"],
  ["within a PAX header", [extension("x", record("path=b")).subarray(0, 515)], "ends within an extension header"],
  ["after a PAX header", [extension("x", record("path=b")), end], "an extension header without an entry"],
])("an archive that ends %s is refused", async (_where, tar, message) => {
  await expect(list(tar)).rejects.toThrow(message);
  await expect(list(tar)).rejects.toMatchObject({ code: "INVALID_ARCHIVE" });
});

test.each([
  ["a NUL in a path", record("path=a\0b"), "holds a NUL"],
  ["a NUL in a key", record("pa\0th=a"), "holds a NUL"],
  ["a length that is no number", "xx path=a\n", "no valid length"],
  ["a length beyond the header", "99 path=a\n", "no valid length"],
  ["no equals sign", record("path"), "no key"],
  ["a size that is no number", record("size=0x10"), 'PAX size "0x10" is not a number'],
  ["a negative size", record("size=-1"), "size -1 is out of range"],
  ["a size of 2^53", record("size=9007199254740992"), "size 9007199254740992 is out of range"],
])("a PAX header with %s is refused", async (_what, records, message) => {
  const tar = [extension("x", records), member("a"), end];
  await expect(list(tar)).rejects.toThrow(message);
  await expect(list(tar)).rejects.toMatchObject({ code: "INVALID_ARCHIVE" });
});

test("an extension header of more than 1 MiB is refused before it is read", async () => {
  const giant = patched(encodeTarHeader(file("ext", { size: 2 ** 32 })), 156, "x");
  await expect(list([giant])).rejects.toThrow("of 4294967296 bytes, the limit is 1048576");
});

test("sparse files are refused, not misread", async () => {
  await expect(list([patched(member("s"), 156, "S"), end])).rejects.toMatchObject({ code: "UNSUPPORTED" });
  const tar = [extension("x", record("GNU.sparse.major=1")), member("s"), end];
  await expect(list(tar)).rejects.toThrow('Cannot read tar entry "s": it is a sparse file');
});

test("an archive damaged anywhere is read or refused, nothing else", async () => {
  const whole = Buffer.concat([
    member("a", "x".repeat(700), { mtime: 1.5, xattrs: new Map([["user.a", Buffer.from("1")]]) }),
    extension("L", "long name\0"),
    member("b", "y", { type: "symlink", linkname: "z".repeat(200), size: 0 }).subarray(0, 2048),
    member("c", "z"),
    end,
  ]);
  const damage = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 });
  const outcomes = new Set<string>();
  await fc.assert(
    fc.asyncProperty(damage, fc.nat(whole.length), fc.boolean(), async (bytes, length, mend) => {
      let tar = Buffer.from(whole.subarray(0, length));
      for (const [at, byte] of bytes) {
        const block = at - (at % 512);
        if (at < length) tar[at] = byte;
        // With its checksum mended, a damaged header gets further.
        if (mend && block + 512 <= length)
          tar = Buffer.concat([
            tar.subarray(0, block),
            patched(tar.subarray(block, block + 512), 0, ""),
            tar.subarray(block + 512),
          ]);
      }
      try {
        await list(tar);
        outcomes.add("read");
      } catch (error) {
        expect(error).toBeInstanceOf(OciError);
        outcomes.add("refused");
      }
    }),
    { numRuns: 1000 },
  );
  expect(outcomes.size).toBe(2);
});

test("limits on entries and bytes are kept", async () => {
  const tar = Buffer.concat([member("a"), member("b"), end]);
  await expect(list(tar, { limits: { entries: 1 } })).rejects.toMatchObject({ code: "LIMIT_EXCEEDED" });
  await expect(list(tar, { limits: { bytes: 1024 } })).rejects.toMatchObject({ code: "LIMIT_EXCEEDED" });
  expect(await list(tar, { limits: { entries: 2, bytes: 2048 } })).toHaveLength(2);
});

test("an aborted signal ends the reading and lets the bytes go", async () => {
  const controller = new AbortController();
  let released = false;
  async function* endless(): Bytes {
    try {
      yield encodeTarHeader(file("zeros", { size: 2 ** 40 }));
      for (;;) yield new Uint8Array(4096);
    } finally {
      released = true;
    }
  }
  const reading = async (): Promise<void> => {
    for await (const entry of readTar(endless(), { signal: controller.signal }))
      for await (const chunk of entry.body()) if (chunk.length > 0) controller.abort();
  };
  await expect(reading()).rejects.toThrow(/abort/);
  expect(released).toBe(true);
});
