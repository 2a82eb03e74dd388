import { expect, test } from "vitest";
import type { LayerEntry } from "../entry.ts";
import { LayerBytes } from "./layer-bytes.ts";
import { literal } from "./pack.suite.ts";

async function readAll(entries: readonly LayerEntry[], size: number): Promise<Buffer> {
  const bytes = new LayerBytes(entries);
  const parts: Buffer[] = [];
  while (!bytes.done) {
    const target = Buffer.alloc(size, 0xee);
    parts.push(target.subarray(0, await bytes.read(target)));
  }
  return Buffer.concat(parts);
}

test("the bytes are the same whatever the size of the buffers they are read into", async () => {
  const entries = [
    literal(`${"deep/".repeat(50)}name`, "x".repeat(700)),
    { ...literal("attributes", "y"), xattrs: new Map([["user.big", Buffer.alloc(3000, 7)]]) },
    literal("empty", ""),
    literal("exact", "z".repeat(512)),
  ];
  const whole = await readAll(entries, 1 << 20);

  for (const size of [1, 7, 511, 512, 513, 4096]) {
    expect(Buffer.compare(await readAll(entries, size), whole)).toBe(0);
  }
  expect(whole.length % 512).toBe(0);
  expect(whole.subarray(-1024).every((byte) => byte === 0)).toBe(true);
});

test("an empty layer is the end of an archive", async () => {
  expect(await readAll([], 4096)).toEqual(Buffer.alloc(1024));
});

test("a file over 8 GiB gets its size in an extended header, and is streamed", async () => {
  const size = 9 * 2 ** 30;
  const chunk = new Uint8Array(1 << 16);
  async function* open(): AsyncGenerator<Uint8Array> {
    for (;;) yield chunk;
  }
  const entry = {
    ...literal("huge", ""),
    size,
    content: { kind: "member", digest: "a", path: "huge", open },
  } as const;
  const bytes = new LayerBytes([entry]);
  const target = Buffer.alloc(1 << 16);

  await bytes.read(target);

  expect(target.toString("latin1", 156, 157)).toBe("x");
  expect(target.toString("latin1", 512, 512 + 19)).toBe("19 size=9663676416\n");
  expect(bytes.done).toBe(false);
  await bytes.close();
});
