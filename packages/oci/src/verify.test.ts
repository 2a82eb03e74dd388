import { expect, test } from "vitest";
import type { Descriptor } from "./descriptor.ts";
import { type DigestAlgorithm, digestOf } from "./digest.ts";
import { knownOf, withKnown } from "./known-bytes.ts";
import { readBlob, verified, verifyBytes } from "./verify.ts";

const bytes = Buffer.from("all of the content");
const describeBytes = (content: Uint8Array, algorithm?: DigestAlgorithm): Descriptor => ({
  mediaType: "text/plain",
  digest: digestOf(content, algorithm),
  size: content.byteLength,
});

async function* chunks(...parts: (Uint8Array | Error)[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) {
    if (part instanceof Error) throw part;
    yield part;
  }
}

async function read(source: AsyncIterable<Uint8Array>): Promise<string> {
  let text = "";
  for await (const chunk of source) text += Buffer.from(chunk).toString();
  return text;
}

test.each(["sha256", "sha512"] as const)("verified() lets %s content through", async (algorithm) => {
  const descriptor = describeBytes(bytes, algorithm);
  expect(await read(verified(chunks(bytes.subarray(0, 3), bytes.subarray(3)), descriptor))).toBe(String(bytes));
});

test("verified() fails at the first byte too many, without asking for more", async () => {
  const endless = chunks(bytes, Buffer.from("!"), new Error("it was asked for more"));
  await expect(read(verified(endless, describeBytes(bytes)))).rejects.toMatchObject({ code: "SIZE_MISMATCH" });
});

test("verified() fails instead of ending", async () => {
  const descriptor = describeBytes(bytes);
  await expect(read(verified(chunks(bytes.subarray(1)), descriptor))).rejects.toMatchObject({ code: "SIZE_MISMATCH" });
  const swapped = Buffer.from(bytes.toString().toUpperCase());
  await expect(read(verified(chunks(swapped), descriptor))).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
});

test("verified() hashes once what is checked already, and not what only claims to be", async () => {
  const descriptor = describeBytes(bytes);
  const once = verified(chunks(bytes), descriptor);
  expect(verified(once, descriptor)).toBe(once);
  expect(verified(once, { ...descriptor, size: 1 })).not.toBe(once);
  const wrapped = withKnown(chunks(bytes), knownOf(once));
  expect(verified(wrapped, descriptor)).toBe(wrapped);
  const unchecked = withKnown(chunks(bytes), knownOf(chunks(bytes)));
  expect(verified(unchecked, descriptor)).not.toBe(unchecked);
});

test("verifyBytes() says what is wrong", () => {
  const descriptor = describeBytes(bytes);
  verifyBytes(bytes, descriptor);
  expect(() => verifyBytes(bytes.subarray(1), descriptor)).toThrow("17 instead of 18 bytes");
  expect(() => verifyBytes(Buffer.alloc(18), descriptor)).toThrow(digestOf(Buffer.alloc(18)));
});

test("readBlob() opens nothing that is over the limit", async () => {
  const blob = {
    descriptor: { ...describeBytes(bytes), size: 5_000_000 },
    open: () => chunks(new Error("it was opened")),
  };
  await expect(readBlob(blob)).rejects.toMatchObject({ code: "LIMIT_EXCEEDED" });
});

test("readBlob() trusts no source", async () => {
  const blob = { descriptor: describeBytes(bytes), open: () => chunks(Buffer.from("something else, 18")) };
  await expect(readBlob(blob)).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
});
