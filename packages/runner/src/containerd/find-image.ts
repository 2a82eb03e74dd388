import { type Digest, type Image, isDigest, OciError, openImage, type Options } from "@lading/oci";
import type { ContainerdClient } from "./client.ts";
import { ContentStore } from "./content-store.ts";
import type { Image as ImageRecord } from "./gen/images.ts";

/** The image that a record leads to. Undefined for what is not all here, is for no machine like this, or is no image at all. */
export async function imageOf(
  client: ContainerdClient,
  { target }: ImageRecord,
  options: Options = {},
): Promise<Image | undefined> {
  if (target === undefined || !isDigest(target.digest)) return undefined;
  const { mediaType, digest, size } = target;
  try {
    return await openImage(new ContentStore(client), { mediaType, digest, size }, options);
  } catch (error) {
    if (error instanceof OciError) return undefined;
    throw error;
  }
}

/** Every record, with the image that it leads to. */
export async function allImages(
  client: ContainerdClient,
  options: Options = {},
): Promise<readonly { readonly name: string; readonly image: Image }[]> {
  const { images } = await client.images.list({ filters: [] }, options.signal);
  const opened = await Promise.all(
    images.map(async (record) => ({ name: record.name, image: await imageOf(client, record, options) })),
  );
  return opened.flatMap(({ name, image }) => (image === undefined ? [] : [{ name, image }]));
}

/** By the digest of its config. */
export async function imageById(
  client: ContainerdClient,
  id: Digest,
  options: Options = {},
): Promise<Image | undefined> {
  return (await allImages(client, options)).find(({ image }) => image.manifest.config.digest === id)?.image;
}
