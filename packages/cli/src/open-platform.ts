import {
  formatPlatform,
  hostPlatform,
  type Image,
  listImages,
  openImage,
  type Options,
  parsePlatform,
  type Platform,
  samePlatform,
} from "@lading/oci";
import type { Located } from "./locate.ts";
import { naming } from "./registries.ts";
import { UsageError } from "./usage.ts";

/**
 * Opens the image for `platform`; without one the host's, or the only or first one there is: to
 * look at an image it need not run here.
 */
export async function openPlatform(
  located: Located,
  platform: string | undefined,
  options: Options = {},
): Promise<Image> {
  return await naming(located.shown, async () => await open(located, platform, options));
}

async function open({ source, descriptor }: Located, platform: string | undefined, options: Options): Promise<Image> {
  if (platform !== undefined)
    return await openImage(source, descriptor, { ...options, platform: parsePlatformArgument(platform) });
  const images = await listImages(source, descriptor, options);
  const host = hostPlatform();
  const best = images.find((image) => image.platform !== undefined && samePlatform(image.platform, host)) ?? images[0];
  return await openImage(source, best ?? descriptor, options);
}

/** The platforms that an index offers, or the one of an image that stands alone. */
export async function platformsOf(
  located: Located,
  options: Options = {},
): Promise<readonly { readonly platform: string; readonly digest: string }[]> {
  const images = await listImages(located.source, located.descriptor, options);
  return await Promise.all(
    images.map(async (image) => ({
      digest: image.digest,
      platform: formatPlatform(image.platform ?? (await openImage(located.source, image, options)).platform),
    })),
  );
}

/** Throws UsageError. */
export function parsePlatformArgument(text: string): Platform {
  try {
    return parsePlatform(text);
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}
