import {
  type Descriptor,
  type Image,
  isIndexType,
  openImage,
  type Options,
  type Platform,
  type Source,
} from "@lading/oci";
import type { Engine, EngineImage } from "./engine.ts";
import { checkImage } from "./image/check-image.ts";
import type { FactsStore } from "./image/facts-store.ts";
import { imageFacts } from "./image/image-facts.ts";
import { refusePlatform } from "./image/runnable-platform.ts";

export interface ImportImageOptions extends Options {
  /** The full reference that it gets in the engine. */
  readonly name?: string | undefined;
  /** The index that `root` was chosen from, when it is none itself: the name may have the digest of that. */
  readonly index?: Descriptor | undefined;
  /** Which image of an index. Default: this machine's. */
  readonly platform?: Platform | undefined;
  /** Where facts are kept. */
  readonly facts: FactsStore;
}

/**
 * Looks at the image that `root` leads to as `importImage` does before the engine hears of it; what
 * is found is kept, so that does not read the layers again. Throws as it does.
 */
export async function checkImport(
  engine: Engine,
  source: Source,
  root: Descriptor,
  { platform, facts, signal }: Omit<ImportImageOptions, "name" | "index">,
): Promise<Image> {
  const image = await openImage(source, root, { platform, signal });
  refusePlatform(image.platform);
  const id = image.manifest.config.digest;
  const known = (await facts.get(id)) ?? (await imageFacts(image, { memory: facts.memory, signal }));
  checkImage(known, image.config.config ?? {}, await engine.info({ signal }));
  await facts.set(id, known);
  return image;
}

/**
 * Gives an engine the image that `root`, a manifest or an index, leads to. Its config and files are
 * checked before the engine hears of it. Reads the layers once for that, and the engine once more:
 * from a registry they had better be fetched first. What the engine has is not read again. Throws
 * RunnerError UNSAFE_IMAGE and UNSUPPORTED, OciError for what cannot be read.
 */
export async function importImage(
  engine: Engine,
  source: Source,
  root: Descriptor,
  { name, index = isIndexType(root.mediaType) ? root : undefined, ...options }: ImportImageOptions,
): Promise<EngineImage> {
  const image = await checkImport(engine, source, root, options);
  const { signal, facts } = options;
  const indexes = facts.memory.layers;
  return await engine.images.import(source, image.descriptor, { name, index, indexes, signal });
}
