import { randomImage, validateImage } from "@lading/testkit";
import { expect, test } from "vitest";
import type { Blob, Sink, Source } from "./content.ts";
import { copy, CopyError, type CopyEvent } from "./copy.ts";
import type { Descriptor } from "./descriptor.ts";
import { OciError } from "./errors.ts";
import { firstOf } from "./first-of.ts";
import { MemoryStore } from "./store/memory.ts";

const platforms = ["linux/amd64", "linux/arm64"];

/** A sink that notes what is pushed, and fails where it is told to. */
class NotingSink implements Sink {
  readonly store = new MemoryStore();
  readonly pushed: Descriptor[] = [];
  readonly asked: Descriptor[] = [];
  active = 0;
  most = 0;

  async has(descriptor: Descriptor): Promise<boolean> {
    this.asked.push(descriptor);
    return this.store.has(descriptor);
  }
  async push(blob: Blob): Promise<void> {
    this.most = Math.max(this.most, (this.active += 1));
    try {
      await new Promise((resolve) => setImmediate(resolve));
      await this.store.push(blob);
      this.pushed.push(blob.descriptor);
    } finally {
      this.active -= 1;
    }
  }
  async tag(descriptor: Descriptor, name: string): Promise<void> {
    return this.store.tag(descriptor, name);
  }
}

test("copy() brings children before parents, and every digest once", async () => {
  const image = await randomImage({ layers: 3, platforms });
  const sink = new NotingSink();
  await copy(image.source, sink, image.descriptor, { concurrency: 2 });
  const order = sink.pushed.map(({ digest }) => digest);
  expect(new Set(order).size).toBe(order.length);
  expect(order.at(-1)).toBe(image.descriptor.digest);
  for (const { descriptor, manifest } of image.images)
    for (const child of [manifest.config, ...manifest.layers])
      expect(order.indexOf(child.digest)).toBeLessThan(order.indexOf(descriptor.digest));
  expect(sink.most).toBe(2);
  await validateImage(sink.store, image.descriptor);
});

test("copy() asks once when everything is there", async () => {
  const image = await randomImage({ layers: 3, platforms });
  const sink = new NotingSink();
  await copy(image.source, sink, image.descriptor);
  sink.asked.length = 0;
  await copy(image.source, sink, image.descriptor);
  expect(sink.asked).toEqual([image.descriptor]);
});

test("copy() tells what happens, byte by byte", async () => {
  const image = await randomImage({ layers: 2 });
  const events: CopyEvent[] = [];
  await copy(image.source, new MemoryStore(), image.descriptor, { onProgress: (event) => events.push(event) });
  const [{ manifest } = expect.fail("no image")] = image.images;
  const expected = [image.descriptor, manifest.config, ...manifest.layers].reduce((sum, { size }) => sum + size, 0);
  const bytes = events.reduce((sum, event) => sum + (event.type === "progress" ? event.bytes : 0), 0);
  expect(bytes).toBe(expected);
  expect(events.filter(({ type }) => type === "copied")).toHaveLength(4);
});

test("copy() brings only what is selected", async () => {
  const image = await randomImage({ platforms });
  const sink = new NotingSink();
  await copy(image.source, sink, image.descriptor, {
    select: (child) => child.platform === undefined || child.platform.architecture === "arm64",
  });
  const [amd64, arm64] = image.images.map(({ descriptor }) => descriptor.digest);
  const digests = sink.pushed.map(({ digest }) => digest);
  expect(digests).toContain(arm64);
  expect(digests).not.toContain(amd64);
});

async function* lies(): AsyncGenerator<Uint8Array> {
  yield Buffer.from("x");
  throw new OciError("DIGEST_MISMATCH", "the disk lies");
}

test("copy() blames the source for bytes that are wrong, and leaves no parent behind", async () => {
  const image = await randomImage({ layers: 2 });
  const [{ manifest } = expect.fail("no image")] = image.images;
  const bad = manifest.layers[1];
  const source: Source = {
    resolve: (name) => image.source.resolve(name),
    blob: (descriptor) =>
      descriptor.digest === bad?.digest ? { descriptor, open: () => lies() } : image.source.blob(descriptor),
  };
  const sink = new NotingSink();
  const error: unknown = await copy(source, sink, image.descriptor).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(CopyError);
  expect(error).toMatchObject({
    code: "COPY_FAILED",
    side: "source",
    descriptor: bad,
    cause: { code: "DIGEST_MISMATCH" },
  });
  expect(await sink.store.has(image.descriptor)).toBe(false);
  expect(sink.active).toBe(0);
});

test("copy() fetches once more what arrived wrong, where the source says that it may help", async () => {
  const image = await randomImage({ layers: 2 });
  const [{ manifest } = expect.fail("no image")] = image.images;
  const bad = manifest.layers[1];
  let opened = 0;
  const failing = (times: number): Source => ({
    resolve: (name) => image.source.resolve(name),
    blob: (descriptor) => {
      const blob = image.source.blob(descriptor);
      if (descriptor.digest !== bad?.digest) return blob;
      return { descriptor, open: (options) => ((opened += 1) > times ? blob.open(options) : liesOnce()) };
    },
  });
  const sink = new MemoryStore();
  await copy(failing(1), sink, image.descriptor);
  await validateImage(sink, image.descriptor);
  opened = 0;
  await expect(copy(failing(9), new MemoryStore(), image.descriptor)).rejects.toMatchObject({ side: "source" });
  expect(opened).toBe(2);
});

async function* liesOnce(): AsyncGenerator<Uint8Array> {
  yield Buffer.from("x");
  throw Object.assign(new OciError("DIGEST_MISMATCH", "the network lies"), { transient: true });
}

test("copy() blames the sink for a push that fails, and stops the others first", async () => {
  const image = await randomImage({ layers: 8, size: 100_000 });
  const [{ manifest } = expect.fail("no image")] = image.images;
  const sink = new NotingSink();
  const store: Sink = {
    has: (descriptor) => sink.has(descriptor),
    tag: (descriptor, name) => sink.tag(descriptor, name),
    push: async (blob) => {
      if (blob.descriptor.digest === manifest.layers[0]?.digest) throw new Error("the disk is full");
      await sink.push(blob);
    },
  };
  await expect(copy(image.source, store, image.descriptor, { concurrency: 2 })).rejects.toMatchObject({
    side: "sink",
    message: `Cannot write ${manifest.layers[0]?.digest}: the disk is full`,
  });
  expect(sink.active).toBe(0);
  expect(sink.pushed.length).toBeLessThan(8);
});

test("copy() throws the reason of an abort", async () => {
  const image = await randomImage({ layers: 4 });
  const abort = new AbortController();
  const sink = new NotingSink();
  const done = copy(image.source, sink, image.descriptor, {
    signal: abort.signal,
    concurrency: 1,
    onProgress: (event) => {
      if (event.type === "copied") abort.abort(new Error("interrupted"));
    },
  });
  await expect(done).rejects.toThrow("interrupted");
  expect(sink.pushed).toHaveLength(1);
});

test("firstOf() goes on where something is missing, and only there", async () => {
  const [here, there] = [await randomImage(), await randomImage()];
  const both = firstOf(here.source, there.source);
  await there.source.tag(there.descriptor, "second");
  expect((await both.resolve("second")).digest).toBe(there.descriptor.digest);
  await validateImage(both, there.descriptor);
  await expect(both.resolve("neither")).rejects.toMatchObject({ code: "NOT_FOUND" });
  const broken: Source = {
    resolve: async () => {
      throw new Error("the network is down");
    },
    blob: (descriptor) => there.source.blob(descriptor),
  };
  await expect(firstOf(broken, there.source).resolve("second")).rejects.toThrow("the network is down");
});
