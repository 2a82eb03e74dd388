import { appendFile, copyFile, readdir, readFile, rename, rm, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { tapBlob } from "@lading/oci";
import { randomImage, temporaryFolder } from "@lading/testkit";
import { expect, test } from "vitest";
import { Bundle } from "./bundle.ts";
import { collectBundle, type Collection } from "./collect.ts";
import { verifyBundle } from "./verify-bundle.ts";
import { writeBundle } from "./write-bundle.ts";

const partSize = 20_000;

async function collected(): Promise<Collection> {
  const { source, descriptor } = await randomImage({ layers: 3, size: 30_000 });
  return await collectBundle([{ name: "ghcr.io/acme/app:1", source, descriptor }]);
}

async function split() {
  const folder = await temporaryFolder();
  const file = join(folder.path, "site.tar");
  const collection = await collected();
  const written = await writeBundle(collection, file, { partSize });
  return { ...folder, file, collection, written, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}

test("a split bundle is the same file in parts, and read by its name, its list or a part", async () => {
  await using it = await split();
  const { file, collection, written } = it;
  const whole = await writeBundle(collection, `${file}.whole`);
  expect(written).toMatchObject({ digest: whole.digest, size: whole.size });
  expect(written.parts.map(({ size }) => size).slice(0, -1)).toEqual(written.parts.slice(0, -1).map(() => partSize));
  expect(written.parts.map((part) => part.file)).toEqual(
    ["000", "001", "002", "003", "004", "005"].map((number) => `site.tar.${number}`),
  );
  const joined = await Promise.all(written.parts.map(async (part) => await readFile(join(it.path, part.file))));
  expect(Buffer.concat(joined).equals(await readFile(`${file}.whole`))).toBe(true);

  for (const name of [file, `${file}.parts.json`, `${file}.003`]) {
    const bundle = await Bundle.open(name);
    expect([bundle.file, bundle.digest, bundle.parts]).toEqual([file, whole.digest, 6]);
    expect((await verifyBundle(bundle)).missing).toEqual([]);
  }
});

test("an interrupted write goes on with the parts that are there", async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, "site.tar");
  const collection = await collected();
  let left = 60_000;
  const onBytes = (count: number): void => {
    left -= count;
    if (left < 0) throw new Error("the power failed");
  };
  const failing = { ...collection, blobs: collection.blobs.map((blob) => tapBlob(blob, { onBytes })) };
  await expect(writeBundle(failing, file, { partSize })).rejects.toThrow("the power failed");
  await expect(Bundle.open(file)).rejects.toThrow(`Cannot read ${file}: it was not written to its end`);
  const first = await stat(`${file}.000`);

  const written = await writeBundle(collection, file, { partSize });
  expect((await stat(`${file}.000`)).ino).toBe(first.ino);
  const whole = await writeBundle(collection, `${file}.whole`);
  expect(written.digest).toBe(whole.digest);
  await verifyBundle(await Bundle.open(file));
  expect((await readdir(folder.path)).filter((name) => name.endsWith(".unfinished"))).toEqual([]);
});

test("a part that was damaged since is written again", async () => {
  await using it = await split();
  const damaged = await readFile(`${it.file}.001`);
  damaged[100] = (damaged[100] ?? 0) ^ 1;
  await writeFile(`${it.file}.001`, damaged);
  await writeBundle(it.collection, it.file, { partSize });
  await verifyBundle(await Bundle.open(it.file));
});

test("another bundle under the same name leaves no part of the one before", async () => {
  await using it = await split();
  const { source, descriptor } = await randomImage();
  const small = await collectBundle([{ name: "ghcr.io/acme/app:2", source, descriptor }]);
  await writeBundle(small, it.file, { partSize });
  expect((await readdir(it.path)).toSorted()).toEqual(["site.tar.000", "site.tar.parts.json"]);
  await verifyBundle(await Bundle.open(it.file));
});

test.each([
  ["missing", async (file: string) => await rm(`${file}.002`), "of its 6 parts, site.tar.002 is missing"],
  ["cut off", async (file: string) => await truncate(`${file}.002`, 5000), "site.tar.002 has 5000 of 20000 bytes"],
  ["too long", async (file: string) => await appendFile(`${file}.002`, "x"), "site.tar.002 has 20001 of 20000 bytes"],
  [
    "in the wrong order",
    async (file: string) => {
      await rename(`${file}.002`, `${file}.x`);
      await rename(`${file}.003`, `${file}.002`);
      await rename(`${file}.x`, `${file}.003`);
    },
    "site.tar.002 holds what belongs into site.tar.003",
  ],
  [
    "there twice",
    async (file: string) => await copyFile(`${file}.003`, `${file}.002`),
    "site.tar.002 holds what belongs into site.tar.003",
  ],
  [
    "changed",
    async (file: string) => {
      const bytes = await readFile(`${file}.003`);
      bytes[19_000] = (bytes[19_000] ?? 0) ^ 1;
      await writeFile(`${file}.003`, bytes);
    },
    "site.tar.003 was changed or damaged",
  ],
  ["without their list", async (file: string) => await rm(`${file}.parts.json`), "site.tar.parts.json is not"],
])("parts that are %s are told", async (_, damage, message) => {
  await using it = await split();
  await damage(it.file);
  await expect((async () => await verifyBundle(await Bundle.open(it.file)))()).rejects.toThrow(message);
});

test("a list that names other files has none of them removed", async () => {
  await using it = await split();
  const precious = join(it.path, "photos.2024");
  await writeFile(precious, "precious");
  const list = await readFile(`${it.file}.parts.json`, "utf8");
  await writeFile(`${it.file}.parts.json`, list.replace("site.tar.001", "photos.2024"));

  await writeBundle(it.collection, it.file);

  expect(await readFile(precious, "utf8")).toBe("precious");
  expect((await readdir(it.path)).toSorted()).toEqual(["photos.2024", "site.tar", "site.tar.001"]);
});
