import { Readable } from "node:stream";
import { expect, test } from "vitest";
import { readFrames } from "./frames.ts";

function frame(stream: number, text: string): Buffer {
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(Buffer.byteLength(text), 4);
  return Buffer.concat([header, Buffer.from(text)]);
}

async function textsOf(pieces: readonly Uint8Array[], head?: Uint8Array): Promise<readonly string[]> {
  const texts: Record<string, string> = { stdout: "", stderr: "" };
  for await (const { stream, bytes } of readFrames(Readable.from(pieces), head))
    texts[stream] += Buffer.from(bytes).toString();
  return [texts["stdout"] ?? "", texts["stderr"] ?? ""];
}

const all = Buffer.concat([frame(1, "out "), frame(2, "err"), frame(1, ""), frame(1, "more")]);

test.each([1, 2, 7, 8, 9, 100])("frames come apart, cut into pieces of %i", async (size) => {
  const pieces = Array.from({ length: Math.ceil(all.length / size) }, (_, at) =>
    all.subarray(at * size, (at + 1) * size),
  );
  expect(await textsOf(pieces)).toEqual(["out more", "err"]);
});

test("what came with the answer comes first", async () => {
  expect(await textsOf([all.subarray(10)], all.subarray(0, 10))).toEqual(["out more", "err"]);
});

test("a connection that breaks within a frame gives what there was", async () => {
  expect(await textsOf([frame(1, "whole").subarray(0, 11)])).toEqual(["who", ""]);
});
