import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { digestOf, encodeTarHeader, MemoryStore, mediaTypes, tarTrailerSize, writeImage } from "@lading/oci";
import { temporaryFolder } from "@lading/testkit";
import { expect, test } from "vitest";
import { ownIds } from "./own-ids.ts";
import { FilesOf } from "./step-files.ts";
import { takeFolder } from "./step-owner.ts";

const isRoot = process.getuid?.() === 0;

test.runIf(isRoot)("a base that is unpacked is not read again for each step that removes something of it", async () => {
  await using place = await temporaryFolder();
  const store = new MemoryStore();
  const read: string[] = [];
  const layerOf = async (name: string, entries: Readonly<Record<string, "directory" | "file">>) => {
    const headers = Object.entries(entries).map(([path, type]) =>
      encodeTarHeader({ path, type, mode: 0o755, uid: 0, gid: 0, mtime: 0, size: 0 }),
    );
    const tar = Buffer.concat([...headers, Buffer.alloc(tarTrailerSize)]);
    const descriptor = await store.write(
      (async function* () {
        yield tar;
      })(),
      mediaTypes.ociLayer,
    );
    const blob = store.blob(descriptor);
    return { descriptor, diffId: digestOf(tar), open: () => (read.push(name), blob.open()) };
  };
  const layers = [
    await layerOf("base", { etc: "directory", "etc/a": "file", "etc/b": "file", "etc/c": "file" }),
    await layerOf("base that removes", { etc: "directory", "etc/.wh.a": "file" }),
  ];
  const written = await writeImage(store, { config: { os: "linux", architecture: "amd64" }, layers });
  const base = { ...written, layers };
  const [one, two] = [
    await layerOf("one", { etc: "directory", "etc/.wh.b": "file" }),
    await layerOf("two", { etc: "directory", "etc/.wh.c": "file" }),
  ];
  const folder = join(place.path, "steps/0");
  mkdirSync(folder, { recursive: true });
  takeFolder(folder);
  const files = new FilesOf({ bases: place.path, folder, ids: ownIds() });
  expect((await files.lower({ base, layers: [] })).folders).toHaveLength(2);
  read.length = 0;

  expect((await files.lower({ base, layers: [] })).folders).toHaveLength(2);
  expect((await files.lower({ base, layers: [one] })).folders).toHaveLength(3);
  expect((await files.lower({ base, layers: [one, two] })).folders).toHaveLength(4);
  expect(read).toEqual(["one", "two"]);
});
