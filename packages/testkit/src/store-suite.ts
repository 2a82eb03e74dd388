import { randomBytes } from "node:crypto";
import { copy, type Descriptor, digestOf, type Options, readBlob, type Sink, type Source } from "@lading/oci";
import { describe, expect, test } from "vitest";
import { randomImage } from "./random-image.ts";
import { validateImage } from "./validate-image.ts";

export interface StoreUnderTest extends Source, Sink {
  /** Held to the contract of `Store.write`, where the suite is told that there is one. */
  write?(bytes: AsyncIterable<Uint8Array>, mediaType: string, options?: Options): Promise<Descriptor>;
}

/** A place that is made for one test and cleaned up after it. */
export type MakeStore = () => Promise<{ readonly store: StoreUnderTest } & AsyncDisposable>;

const octets = "application/octet-stream";

export interface StoreSuiteOptions {
  /** Whether it is a `Store`, which gives new bytes an address; true when not given. */
  readonly writes?: boolean;
}

/** The contract of `Source` and `Sink` (and `Store`), to be run against everything that claims to be one. */
export function storeSuite(name: string, make: MakeStore, options: StoreSuiteOptions = {}): void {
  const { writes = true } = options;
  describe(name, () => {
    test("gives back what was pushed, any number of times and at the same time", async () => {
      await using place = await make();
      const { store } = place;
      const bytes = randomBytes(3_000_000);
      const descriptor = describeBytes(bytes);
      expect(await store.has(descriptor)).toBe(false);
      await store.push({ descriptor, open: () => chunksOf(bytes) });
      expect(await store.has(descriptor)).toBe(true);
      const blob = store.blob(descriptor);
      const reads = await Promise.all([1, 2, 3].map(() => readBlob(blob)));
      expect(reads.every((read) => Buffer.from(read).equals(bytes))).toBe(true);
    });

    test("holds an empty blob", async () => {
      await using place = await make();
      const descriptor = describeBytes(new Uint8Array(0));
      await place.store.push({ descriptor, open: () => chunksOf(new Uint8Array(0)) });
      expect(await readBlob(place.store.blob(descriptor))).toHaveLength(0);
    });

    test("refuses bytes that are not the descriptor's, and shows nothing of them", async () => {
      await using place = await make();
      const { store } = place;
      const bytes = randomBytes(2000);
      const descriptor = describeBytes(bytes);
      const wrong = [randomBytes(2000), bytes.subarray(0, 1999), Buffer.concat([bytes, Buffer.from("x")])];
      for (const content of wrong)
        await expect(store.push({ descriptor, open: () => chunksOf(content) })).rejects.toThrow();
      expect(await store.has(descriptor)).toBe(false);
      await expect(readBlob(store.blob(descriptor))).rejects.toMatchObject({ code: "NOT_FOUND" });
    });

    test("shows nothing of a push whose source failed half way, and takes it the second time", async () => {
      await using place = await make();
      const { store } = place;
      const bytes = randomBytes(5000);
      const descriptor = describeBytes(bytes);
      let failures = 0;
      const broken = async function* broken(): AsyncGenerator<Uint8Array> {
        failures += 1;
        yield bytes.subarray(0, 2500);
        throw new Error("the source broke");
      };
      await expect(store.push({ descriptor, open: () => broken() })).rejects.toThrow("the source broke");
      expect(failures).toBeGreaterThan(0);
      expect(await store.has(descriptor)).toBe(false);
      await store.push({ descriptor, open: () => chunksOf(bytes) });
      expect(await store.has(descriptor)).toBe(true);
    });

    test("stops a push that is aborted", async () => {
      await using place = await make();
      const { store } = place;
      const bytes = randomBytes(5000);
      const descriptor = describeBytes(bytes);
      const abort = new AbortController();
      const open = async function* open(): AsyncGenerator<Uint8Array> {
        yield bytes.subarray(0, 2500);
        abort.abort(new Error("enough"));
        yield bytes.subarray(2500);
      };
      await expect(store.push({ descriptor, open: () => open() }, { signal: abort.signal })).rejects.toThrow();
      expect(await store.has(descriptor)).toBe(false);
    });

    test("takes the same blob from many at once", async () => {
      await using place = await make();
      const bytes = randomBytes(100_000);
      const descriptor = describeBytes(bytes);
      const push = (): Promise<void> => place.store.push({ descriptor, open: () => chunksOf(bytes) });
      await Promise.all([push(), push(), push(), push()]);
      expect(Buffer.from(await readBlob(place.store.blob(descriptor))).equals(bytes)).toBe(true);
    });

    test("says NOT_FOUND for a name and for content that are not there", async () => {
      await using place = await make();
      const { store } = place;
      const absent = describeBytes(randomBytes(10));
      await expect(store.resolve("nothing")).rejects.toMatchObject({ code: "NOT_FOUND" });
      await expect(store.resolve(absent.digest)).rejects.toMatchObject({ code: "NOT_FOUND" });
      await expect(readBlob(store.blob(absent))).rejects.toMatchObject({ code: "NOT_FOUND" });
    });

    test("resolves a tag and a digest to the same content, and an image comes back whole", async () => {
      await using place = await make();
      const { store } = place;
      const image = await randomImage({ layers: 2, platforms: ["linux/amd64", "linux/arm64"] });
      await copy(image.source, store, image.descriptor);
      await store.tag(image.descriptor, "v1");
      expect(await store.resolve("v1")).toMatchObject(image.descriptor);
      expect(await store.resolve(image.descriptor.digest)).toMatchObject(image.descriptor);
      await validateImage(store, await store.resolve("v1"));
    });

    test("moves a tag", async () => {
      await using place = await make();
      const { store } = place;
      const [first, second] = [await randomImage(), await randomImage()];
      for (const image of [first, second]) {
        await copy(image.source, store, image.descriptor);
        await store.tag(image.descriptor, "moving");
      }
      expect((await store.resolve("moving")).digest).toBe(second.descriptor.digest);
      await validateImage(store, first.descriptor);
    });

    test("keeps all names that are given at once", async () => {
      await using place = await make();
      const { store } = place;
      const image = await randomImage();
      await copy(image.source, store, image.descriptor);
      const names = Array.from({ length: 12 }, (_, i) => `tag-${i}`);
      await Promise.all(names.map((tag) => store.tag(image.descriptor, tag)));
      for (const tag of names) expect((await store.resolve(tag)).digest).toBe(image.descriptor.digest);
    });

    if (writes)
      test("gives written bytes the digest they have", async () => {
        await using place = await make();
        const { store } = place;
        const bytes = randomBytes(200_000);
        const descriptor = await store.write?.(chunksOf(bytes), octets);
        expect(descriptor).toEqual(describeBytes(bytes));
        expect(Buffer.from(await readBlob(store.blob(describeBytes(bytes)))).equals(bytes)).toBe(true);
      });
  });
}

function describeBytes(bytes: Uint8Array): Descriptor {
  return { mediaType: octets, digest: digestOf(bytes), size: bytes.byteLength };
}

async function* chunksOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += 70_000) yield bytes.subarray(at, at + 70_000);
}
