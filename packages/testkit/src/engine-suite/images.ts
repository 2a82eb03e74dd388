import { randomBytes } from "node:crypto";
import { join } from "node:path";
import {
  copy,
  type Descriptor,
  digestHex,
  digestOf,
  type Image,
  LayoutStore,
  MemoryStore,
  OciArchive,
  OciArchiveSink,
  openLayer,
  type Source,
  tapSource,
  writeImage,
} from "@lading/oci";
import { RunnerError } from "@lading/runner";
import { expect, test } from "vitest";
import { temporaryFolder } from "../folder.ts";
import { probeImage } from "../probe-image.ts";
import { randomImage } from "../random-image.ts";
import { type Bench, bytesOf, newName } from "./bench.ts";

/** Images get to an engine by `import` alone, are found by name and ID, and go with their last name. */
export function images(bench: () => Bench): void {
  test("takes an image from memory, from a layout and from an archive, and knows all of it", async () => {
    await using folder = await temporaryFolder();
    const { engine } = bench();
    const layout = await LayoutStore.create(join(folder.path, "layout"));
    for (const kind of ["memory", "layout", "archive"]) {
      const { image, source } = await onlyImage();
      const name = newReference();
      const place: Source =
        kind === "memory"
          ? source
          : kind === "layout"
            ? await into(layout, source, image.descriptor)
            : await archived(join(folder.path, "image.tar"), source, image.descriptor);

      const imported = await engine.images.import(place, image.descriptor, { name });

      expect(imported).toMatchObject({
        id: image.manifest.config.digest,
        digest: image.descriptor.digest,
        names: [name],
        config: { architecture: image.config.architecture, config: image.config.config, rootfs: image.config.rootfs },
      });
      expect(imported.size).toBeGreaterThan(0);
      expect(await engine.images.find(name)).toEqual(imported);
      await engine.images.remove(name);
    }
  });

  test("finds an image by its reference, its ID and a prefix of that, and nothing by others", async () => {
    const { image, source } = await onlyImage();
    const { engine } = bench();
    const name = newReference();
    await engine.images.import(source, image.descriptor, { name });
    const id = image.manifest.config.digest;

    for (const key of [name, id, digestHex(id), digestHex(id).slice(0, 12)])
      expect(await engine.images.find(key), key).toMatchObject({ id });
    expect(await engine.images.find(newReference())).toBeUndefined();
    expect(await engine.images.find(digestOf(randomBytes(8)))).toBeUndefined();
    await engine.images.remove(name);
  });

  test("lists what it has", async () => {
    const { image, source } = await onlyImage();
    const { engine } = bench();
    const imported = await engine.images.import(source, image.descriptor, { name: newReference() });

    expect(await engine.images.list()).toContainEqual(imported);

    await engine.images.remove(imported.id);
    expect((await engine.images.list()).map(({ id }) => id)).not.toContain(imported.id);
  });

  test("an image that is there already is named without reading a layer again", async () => {
    const { image, source } = await onlyImage();
    const { engine } = bench();
    const [first, second] = [newReference(), newReference()];
    await engine.images.import(source, image.descriptor, { name: first });
    const reads = countReads(source);

    const again = await engine.images.import(reads, image.descriptor, { name: second });

    expect([...again.names].toSorted()).toEqual([first, second].toSorted());
    for (const layer of image.layers) expect(reads.read).not.toContain(layer.descriptor.digest);
    await engine.images.remove(first);
    await engine.images.remove(second);
  });

  test("a layer that another image brought is not read again", async () => {
    const { engine, probe } = bench();
    const { source } = probe;
    const changed = { ...probe.image.config, config: { Cmd: ["true"], Labels: { id: newName() } } };
    const image = await writeImage(source, { config: changed, layers: probe.image.layers });
    const reads = countReads(source);
    const name = newReference();

    await engine.images.import(reads, image.descriptor, { name });

    for (const layer of image.layers) expect(reads.read).not.toContain(layer.descriptor.digest);
    await engine.images.remove(name);
  });

  test("a name moves to the image that is given it last", async () => {
    const { engine } = bench();
    const [first, second] = [await onlyImage(), await onlyImage()];
    const name = newReference();
    await engine.images.import(first.source, first.image.descriptor, { name });

    await engine.images.import(second.source, second.image.descriptor, { name });

    expect(await engine.images.find(name)).toMatchObject({ id: second.image.manifest.config.digest });
    await engine.images.remove(name);
  });

  test("an image goes with its last name", async () => {
    const { engine } = bench();
    const { image, source } = await onlyImage();
    const [first, second] = [newReference(), newReference()];
    for (const name of [first, second]) await engine.images.import(source, image.descriptor, { name });
    const id = image.manifest.config.digest;

    await engine.images.remove(first);
    expect(await engine.images.find(first)).toBeUndefined();
    expect(await engine.images.find(id)).toMatchObject({ names: [second] });
    await engine.images.remove(second);
    expect(await engine.images.find(id)).toBeUndefined();
    await expect(engine.images.remove(second)).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  test("an image without a name is kept, and found by its ID", async () => {
    const { engine } = bench();
    const { image, source } = await onlyImage();

    const { id, names } = await engine.images.import(source, image.descriptor);

    expect(names).toEqual([]);
    expect(await engine.images.find(id)).toMatchObject({ id });
    await engine.images.remove(id);
    expect(await engine.images.find(id)).toBeUndefined();
  });

  test("an image that a container is made of stays, unless it is forced", async () => {
    const { engine } = bench();
    const { source, image, accounts } = await probeImage();
    const name = newReference();
    const imported = await engine.images.import(source, image.descriptor, { name });
    expect(accounts).toEqual(bench().probe.accounts);
    const container = await engine.create(bench().plan({ command: ["true"] }), imported, { imageName: name });

    await expect(engine.images.remove(name)).rejects.toMatchObject({ code: "IN_USE" });
    expect(await engine.images.find(name)).toMatchObject({ id: imported.id });

    await container.remove();
    await engine.images.remove(name);
    expect(await engine.images.find(name)).toBeUndefined();
  });

  test("a prefix of two images' IDs is no one's", async () => {
    const { engine } = bench();
    const source = new MemoryStore();
    const pair = await twoOfOnePrefix(source);
    const [first, second] = pair.map((image) => image.manifest.config.digest);
    if (first === undefined || second === undefined) throw new Error("Expected two images");
    for (const image of pair) await engine.images.import(source, image.descriptor, { name: newReference() });

    await expect(engine.images.find(digestHex(first).slice(0, 4))).rejects.toMatchObject({ code: "AMBIGUOUS" });

    for (const id of [first, second]) {
      expect(await engine.images.find(id)).toMatchObject({ id });
      await engine.images.remove(id);
    }
  });

  test("an image is opened again as it came, or the engine says that it keeps no layers", async () => {
    const { engine, probe } = bench();
    const { id } = bench().image;
    if (await keepsNone(engine.images.open(id))) return;

    await using opened = await engine.images.open(id);

    expect(opened.image.config).toEqual(probe.image.config);
    for (const layer of opened.image.layers)
      expect(digestOf(await bytesOf(openLayer(layer, { diffId: layer.diffId })))).toBe(layer.diffId);
    await expect(engine.images.open(digestOf(randomBytes(8)))).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  test("a source that breaks leaves no image, and the next import is whole", async () => {
    const { engine } = bench();
    const { image, source } = await onlyImage();
    const name = newReference();
    const last = image.layers.at(-1)?.descriptor.digest;
    const broken: Source = {
      resolve: (tag) => source.resolve(tag),
      blob: (descriptor) => ({
        descriptor,
        open: (options) => (descriptor.digest === last ? breaking() : source.blob(descriptor).open(options)),
      }),
    };

    await expect(engine.images.import(broken, image.descriptor, { name })).rejects.toThrow();
    expect(await engine.images.find(name)).toBeUndefined();

    await engine.images.import(source, image.descriptor, { name });
    expect(await engine.images.find(name)).toMatchObject({ id: image.manifest.config.digest });
    await engine.images.remove(name);
  });

  test("an import that is aborted ends with the reason", async () => {
    const { image, source } = await onlyImage();
    const reason = new Error("enough");

    await expect(
      bench().engine.images.import(source, image.descriptor, {
        name: newReference(),
        signal: AbortSignal.abort(reason),
      }),
    ).rejects.toBe(reason);
  });
}

async function keepsNone(opening: Promise<AsyncDisposable>): Promise<boolean> {
  try {
    await using opened = await opening;
    return opened === undefined;
  } catch (error) {
    if (error instanceof RunnerError && error.code === "UNSUPPORTED") return true;
    throw error;
  }
}

async function onlyImage(): Promise<{ readonly image: Image; readonly source: MemoryStore }> {
  const { source, images: made } = await randomImage({ layers: 3 });
  const [image] = made;
  if (image === undefined) throw new Error("Expected an image");
  return { image, source };
}

function newReference(): string {
  return `localhost/lading/${newName()}:1`;
}

async function into(store: LayoutStore, source: Source, root: Descriptor): Promise<LayoutStore> {
  await copy(source, store, root);
  return store;
}

async function archived(file: string, source: Source, root: Descriptor): Promise<Source> {
  const sink = await OciArchiveSink.create(file);
  await copy(source, sink, root);
  await sink.tag(root, "latest");
  await sink.finish();
  return OciArchive.open(file);
}

/** The source, keeping the digests that are read from it. */
function countReads(source: Source): Source & { readonly read: readonly string[] } {
  const read: string[] = [];
  return { ...tapSource(source, ({ digest }) => ({ onOpen: () => void read.push(digest) })), read };
}

async function* breaking(): AsyncGenerator<Uint8Array> {
  yield randomBytes(10);
  throw new Error("the source broke");
}

/** Two images whose IDs begin with the same four digits: among a few hundred there are some. */
async function twoOfOnePrefix(store: MemoryStore): Promise<readonly Image[]> {
  const { source, images: made } = await randomImage();
  const [model] = made;
  if (model === undefined) throw new Error("Expected an image");
  await copy(source, store, model.descriptor);
  const byPrefix = new Map<string, Image>();
  for (;;) {
    const config = { ...model.config, config: { Labels: { id: newName() } } };
    const image = await writeImage(store, { config, layers: model.layers });
    const prefix = digestHex(image.manifest.config.digest).slice(0, 4);
    const other = byPrefix.get(prefix);
    if (other !== undefined) return [other, image];
    byPrefix.set(prefix, image);
  }
}
