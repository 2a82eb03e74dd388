import { execFileSync } from "node:child_process";
import { copyFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { constants, gzipSync, zstdCompressSync } from "node:zlib";
import { cases, casesIn } from "@lading/testkit";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import { installed } from "../interop/command.ts";
import { attempt, expectBuildRefused, expectRefusal, peakMemory, small, type Workspace } from "./attempt.ts";
import { member, tarOf } from "./tar.ts";

const hostile = casesIn("hostile/tar-cases.json", z.object({ id: z.string(), file: z.string() }));

/** What an archive becomes in an image: everything else of the cases is refused. */
const unpacked: Readonly<Record<string, readonly string[]>> = {
  "T02-abs-file": ["tmp", "tmp/zz-outside", "tmp/zz-outside/pwn"],
  "T03-symlink-abs-write-through": ["l", "tmp", "tmp/zz-outside", "tmp/zz-outside/pwn"],
  "T11-symlink-then-dir-chmod": ["d"],
  "T17-duplicate-file": ["a"],
  "T19b-non-utf8-name": ["bad-\udcff-name"],
  "T22-tarmageddon": ["after", "outer.bin"],
  "T26-global-pax-path": ["a", "b"],
  "T29-devices": ["fifo", "mem", "sda"],
  "T41-old-dir-trailing-slash": ["dir", "dir/x"],
  "T42-unknown-typeflag": ["a", "z"],
  "T43-mkdir-through-symlink": ["l", "tmp", "tmp/zz-outside", "tmp/zz-outside/newdir", "tmp/zz-outside/s2"],
  "T45-proc-self": ["p", "proc", "proc/self", "proc/self/cwd", "proc/self/cwd/pwn-cwd"],
  "T47-usrmerge": ["bin", "usr", "usr/bin", "usr/bin/tool"],
  "T48-hardlink-via-symlinked-dir": ["d", "d/f", "h", "l"],
};

const planSchema = z.object({
  images: z.array(z.object({ layers: z.array(z.object({ entries: z.array(z.object({ path: z.string() })) })) })),
});

async function paths(place: Workspace, archive: string): Promise<string[]> {
  const plan = await attempt(place, ["build", "--unpack", `${archive}:/`, "--dry-run", "--json"]);
  expect(plan.status).toBe(0);
  const { images } = planSchema.parse(JSON.parse(plan.stdout));
  return images.flatMap(({ layers }) => layers.flatMap(({ entries }) => entries.map(({ path }) => path)));
}

describe.runIf(cases !== undefined)("an archive that somebody made to harm", () => {
  test.concurrent.each(hostile)("$id", async ({ id, file }) => {
    await using place = await small();
    copyFileSync(cases?.path(`hostile/${file}`) ?? "", join(place.path, "bad.tar"));
    const expected = unpacked[id];
    if (expected === undefined)
      await expectBuildRefused(place, ["--unpack", "bad.tar:/"], { says: ["Cannot unpack", "bad.tar", "hint: "] });
    else expect(await paths(place, "bad.tar")).toEqual(expected);
  });
});

test.concurrent.each<readonly [string, () => Uint8Array, string]>([
  ["is empty", () => Buffer.alloc(0), "it is empty"],
  ["is text", () => Buffer.from("hello"), "hint: Archives are tar files"],
  ["holds nothing", () => tarOf(), "it holds nothing"],
  ["ends within a file", () => member({ name: "f", content: "x", size: 1000 }), "the archive ends after"],
  ["has a giant extended header", () => member({ name: "x", type: "x", size: 2 ** 32 }), "the limit is 1048576"],
  [
    "has a giant long name",
    () => member({ name: "x", type: "L", size: 2 ** 31, content: "n" }),
    "the limit is 1048576",
  ],
  [
    "has a file larger than can be",
    () => member({ name: "f", size: 2 ** 33 - 1, content: "x" }),
    "the archive ends after",
  ],
  ["is compressed twice", () => gzipSync(gzipSync(tarOf(member({ name: "f", content: "x" })))), "Cannot unpack"],
  ["is cut off", () => gzipSync(tarOf(member({ name: "f", content: "x" }))).subarray(0, 50), "unexpected end of file"],
  [
    "has a wrong checksum",
    () => withoutChecksum(gzipSync(tarOf(member({ name: "f", content: "x" })))),
    "incorrect data check",
  ],
  [
    "has bytes after its end",
    () => Buffer.concat([gzipSync(tarOf()), Buffer.alloc(9), Buffer.from("x")]),
    "follow the end",
  ],
])("an archive that %s is refused", async (_, make, says) => {
  await using place = await small();
  writeFileSync(join(place.path, "bad.tar"), make());
  await expectBuildRefused(place, ["--unpack", "bad.tar:/"], { says: ["bad.tar", says] });
});

function withoutChecksum(gzip: Buffer): Buffer {
  return gzip.fill(0, gzip.length - 8, gzip.length - 4);
}

test("files behind the end of an archive are none", async () => {
  await using place = await small();
  const shown = tarOf(member({ name: "shown", content: "s" }));
  writeFileSync(join(place.path, "two.tar"), Buffer.concat([shown, tarOf(member({ name: "hidden", content: "h" }))]));
  expect(await paths(place, "two.tar")).toEqual(["shown"]);
});

test.runIf(installed("xz", "bzip2"))("xz and bzip2 that are cut off or changed are refused", async () => {
  await using place = await small();
  const plain = tarOf(...Array.from({ length: 300 }, (_, at) => member({ name: `f${at}`, content: `${at * 7919}` })));
  for (const tool of ["xz", "bzip2"]) {
    const whole = execFileSync(tool, ["-c"], { input: plain });
    const changed = Buffer.from(whole);
    changed.writeUInt8(changed.readUInt8(whole.length >> 1) ^ 0xff, whole.length >> 1);
    for (const bytes of [whole.subarray(0, whole.length - 20), whole.subarray(0, whole.length >> 1), changed]) {
      writeFileSync(join(place.path, "bad.tar"), bytes);
      await expectBuildRefused(place, ["--unpack", "bad.tar:/"], { says: 'Cannot unpack "bad.tar"' });
    }
  }
});

test("a bomb is refused in little memory, and its bytes are gone", async () => {
  const nothing = Buffer.alloc(1200 * 2 ** 20);
  const bomb = zstdCompressSync(nothing, { params: { [constants.ZSTD_c_compressionLevel]: 1 } });
  await using place = await small();
  writeFileSync(join(place.path, "bomb.tar.zst"), bomb);
  const outcome = await peakMemory(place, ["build", "--unpack", "bomb.tar.zst:/", "-o", "oci-archive:out.tar"]);
  expectRefusal(outcome, { says: ['Cannot unpack "bomb.tar.zst": it unpacks to more than', "hint: "] });
  expect(outcome.peak).toBeLessThan(350 * 2 ** 20);
  expect(await place.names("../cache/tmp")).toEqual([]);
});
