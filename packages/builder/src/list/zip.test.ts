import { execFileSync } from "node:child_process";
import { mkdirSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { temporaryFolder, type ZipContent, zipOf } from "@lading/testkit";
import { expect, onTestFinished, test } from "vitest";
import { listLayer } from "./list.ts";
import type { ListedEntry } from "./listing.ts";

async function folderFor(): Promise<string> {
  const folder = await temporaryFolder();
  onTestFinished(() => folder[Symbol.asyncDispose]());
  return folder.path;
}

async function unpack(context: string, src: string, more: object = {}): Promise<ListedEntry[]> {
  return await listLayer(
    { add: [{ src: [src], dest: "/", unpack: true, ...more }] },
    { context, timestamp: 1, cacheDir: join(context, "cache") },
  );
}

async function unpackZip(zip: Uint8Array, more: object = {}): Promise<ListedEntry[]> {
  const context = await folderFor();
  writeFileSync(join(context, "a.zip"), zip);
  return await unpack(context, "a.zip", more);
}

async function contents(listed: readonly ListedEntry[]): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const entry of listed)
    if (entry.type === "file" && entry.content.kind === "member")
      found[entry.path] = await text(Readable.from(entry.content.open()));
  return found;
}

async function digestsOf(...files: readonly ZipContent[]): Promise<(string | undefined)[]> {
  return (await unpackZip(await zipOf(files))).map((entry) =>
    entry.type === "file" && entry.content.kind === "member" ? entry.content.digest : undefined,
  );
}

/** Changes all that stands there: names are in the directory and before their file. */
function replaced(zip: Buffer, from: string, to: string): Buffer {
  return Buffer.from(zip.toString("latin1").replaceAll(from, to), "latin1");
}

/** Where the directory has its first entry. */
function directoryOf(zip: Buffer): number {
  return zip.indexOf(Buffer.from([0x50, 0x4b, 1, 2]));
}

const large = "x".repeat(3_000_000);

test("what Info-ZIP packed is unpacked with its modes, times and symlinks", async () => {
  const context = await folderFor();
  mkdirSync(join(context, "in/bin"), { recursive: true });
  writeFileSync(join(context, "in/bin/run"), "#!run", { mode: 0o755 });
  writeFileSync(join(context, "in/large"), large, { mode: 0o640 });
  symlinkSync("bin/run", join(context, "in/link"));
  for (const name of ["bin/run", "large"]) utimesSync(join(context, "in", name), 1_000_000_000, 1_000_000_000);
  execFileSync("zip", ["-qry", "../a.zip", "."], { cwd: join(context, "in") });
  const listed = await unpack(context, "a.zip");
  expect(listed).toMatchObject([
    { path: "bin", type: "directory", mode: 0o755, owner: { uid: 0, gid: 0 } },
    { path: "bin/run", type: "file", mode: 0o755, mtime: 1_000_000_000, size: 5, origin: "a.zip: bin/run" },
    { path: "large", type: "file", mode: 0o640, size: large.length },
    { path: "link", type: "symlink", linkname: "bin/run" },
  ]);
  expect(await contents(listed)).toEqual({ "bin/run": "#!run", large });
});

test("a stream that was zipped before its size was known is read, and so are sizes of 64 bits", async () => {
  const context = await folderFor();
  execFileSync("sh", ["-c", "printf streamed | zip -q a.zip -"], { cwd: context });
  expect(await contents(await unpack(context, "a.zip"))).toEqual({ "-": "streamed" });
  const files: ZipContent[] = [
    { path: "a", content: "first" },
    { path: "b/c", content: "second", stored: true },
  ];
  expect(await contents(await unpackZip(await zipOf(files, { zip64: true })))).toEqual({ a: "first", "b/c": "second" });
});

test("a file is known by what is in it, whatever else the zip holds", async () => {
  const [kept, before] = await digestsOf({ path: "a", content: "same" }, { path: "b", content: "old" });
  const [again, after] = await digestsOf({ path: "a", content: "same", stored: true }, { path: "b", content: "new" });
  expect(again).toBe(kept);
  expect(after).not.toBe(before);
});

test("include and exclude choose, and an empty zip holds nothing", async () => {
  const zip = await zipOf([{ path: "lib/a.jar" }, { path: "com/A.class" }, { path: "com/a.txt" }]);
  const paths = async (more: object): Promise<string[]> => (await unpackZip(zip, more)).map(({ path }) => path);
  expect(await paths({ include: ["**/*.class"] })).toEqual(["com/A.class"]);
  expect(await paths({ exclude: ["lib", "**/*.class"] })).toEqual(["com/a.txt"]);
  await expect(unpackZip(await zipOf([]))).rejects.toThrow('Cannot add "a.zip": it holds nothing');
});

const one: readonly ZipContent[] = [{ path: "aa/file", content: "content that is deflated: aaaaaaaaaaaaaaaaaaaaaaa" }];
const two: readonly ZipContent[] = [...one, { path: "bb/file", content: "other" }];

const refused: Record<string, readonly [zip: () => Promise<Buffer>, why: string | RegExp]> = {
  "a name that climbs": [
    async () => replaced(await zipOf(one), "aa/file", "../file"),
    '"../file" in it climbs by ".."',
  ],
  "a name that starts at the root": [
    async () => replaced(await zipOf(one), "aa/file", "/a/file"),
    '"/a/file" in it starts at a root',
  ],
  "a name with a drive": [
    async () => replaced(await zipOf(one), "aa/file", "C:/file"),
    '"C:/file" in it starts at a root',
  ],
  "a name with a backslash": [
    async () => replaced(await zipOf(one), "aa/file", "aa\\file"),
    String.raw`"aa\file" in it has a backslash in its name`,
  ],
  "a name that is there twice": [
    async () => replaced(await zipOf(two), "bb/file", "aa/file"),
    'it holds "aa/file" twice',
  ],
  "an encrypted file": [
    async () => {
      const zip = await zipOf(one);
      zip.writeUInt16LE(zip.readUInt16LE(directoryOf(zip) + 8) | 1, directoryOf(zip) + 8);
      return zip;
    },
    '"aa/file" in it is encrypted',
  ],
  "a method that is not deflate": [
    async () => {
      const zip = await zipOf(one);
      zip.writeUInt16LE(14, directoryOf(zip) + 10);
      return zip;
    },
    '"aa/file" in it is packed by method 14: only stored and deflated can be read',
  ],
  "a size that deflate cannot reach": [
    async () => {
      const zip = await zipOf(one);
      zip.writeUInt32LE(0xf000_0000, directoryOf(zip) + 24);
      return zip;
    },
    /"aa\/file" in it says to unpack \d+ bytes to 4026531840$/,
  ],
  "a size that is not what is there": [
    async () => {
      const zip = await zipOf(one);
      zip.writeUInt32LE(7, directoryOf(zip) + 24);
      return zip;
    },
    '"aa/file" in it is damaged: it does not unpack to what the directory says',
  ],
  "a file that is stored in fewer bytes than it has": [
    async () => {
      const zip = await zipOf([{ path: "a", content: "abc", stored: true }]);
      zip.writeUInt32LE(9, directoryOf(zip) + 24);
      return zip;
    },
    '"a" in it is stored in 3 bytes and says to be 9',
  ],
  "another checksum": [
    async () => {
      const zip = await zipOf(one);
      zip.writeUInt32LE(7, directoryOf(zip) + 16);
      return zip;
    },
    '"aa/file" in it is damaged: it does not unpack to what the directory says',
  ],
  "files that share their bytes": [
    async () => {
      const zip = await zipOf(two);
      const second = zip.indexOf(Buffer.from([0x50, 0x4b, 1, 2]), directoryOf(zip) + 4);
      zip.copy(zip, second + 16, directoryOf(zip) + 16, directoryOf(zip) + 28);
      zip.writeUInt32LE(0, second + 42);
      return zip;
    },
    '"aa/file" and "bb/file" in it overlap',
  ],
  "a file that is elsewhere": [
    async () => {
      const zip = await zipOf(one);
      zip.writeUInt32LE(3, directoryOf(zip) + 42);
      return zip;
    },
    '"aa/file" in it is not where it should be',
  ],
  "a file that ends behind the zip": [
    async () => {
      const zip = await zipOf(one);
      zip.writeUInt32LE(zip.length - 10, directoryOf(zip) + 42);
      return zip;
    },
    '"aa/file" in it ends behind its end',
  ],
  "a symlink longer than a path may be": [
    async () => await zipOf([{ path: "link", content: "x".repeat(5000), mode: 0o120777 }]),
    '"link" in it is a symlink of 5000 bytes',
  ],
  "a device": [
    async () => await zipOf([{ path: "null", mode: 0o020666 }]),
    '"null" in it is no file, folder or symlink',
  ],
  "no end": [
    async () => {
      const zip = await zipOf(two);
      return zip.subarray(0, zip.length - 30);
    },
    "it has no directory at its end: it is cut short, or no zip",
  ],
};

test.each(Object.entries(refused))("a zip with %s is refused", async (_, [zip, why]) => {
  await expect(unpackZip(await zip())).rejects.toMatchObject({
    code: "SOURCE_UNREADABLE",
    message: typeof why === "string" ? `Cannot unpack "a.zip": ${why}` : expect.stringMatching(why),
  });
});
