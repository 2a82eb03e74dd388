import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { OciArchive, openImage } from "@lading/oci";
import { randomImage, temporaryFolder, validateImage } from "@lading/testkit";
import { expect, test } from "vitest";
import { imageArchive } from "./image-archive.ts";

test("an archive holds one image, as the source has it", async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, "image.tar");
  const { source, descriptor } = await randomImage({ layers: 3 });
  const image = await openImage(source, descriptor);

  await writeFile(file, imageArchive(source, image, image.layers));

  const archive = await OciArchive.open(file);
  expect((await archive.resolve("")).digest).toBe(descriptor.digest);
  await validateImage(archive, descriptor);
});

test("layers that are not asked for are not read", async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, "image.tar");
  const { source, descriptor } = await randomImage({ layers: 2 });
  const image = await openImage(source, descriptor);
  const [first, second] = image.layers;

  await writeFile(file, imageArchive(source, image, image.layers.slice(1)));

  const archive = await OciArchive.open(file);
  await expect(Array.fromAsync(archive.blob(first?.descriptor ?? descriptor).open())).rejects.toThrow("Cannot find");
  expect(await Array.fromAsync(archive.blob(second?.descriptor ?? descriptor).open())).not.toHaveLength(0);
});
