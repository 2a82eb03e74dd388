import {
  hostPlatform,
  type Image,
  type LayerIndex,
  openImage,
  type Options,
  type Platform,
  readFiles,
  Tree,
} from "@lading/oci";
import { readLayerIndexes } from "./base-index.ts";
import { BuildError } from "../errors.ts";
import type { Lower } from "../plan/lower.ts";
import type { LocatedBase } from "../result.ts";

/** A base image that was found, before a platform is chosen. */
export interface FoundBase extends LocatedBase {
  /** As the description has it, for messages. */
  readonly place: string;
}

/** The base image of one platform. */
export interface Base {
  readonly found: FoundBase;
  readonly image: Image;
  /** Whether its files were asked for. */
  readonly isRead: boolean;
  /** What its layers bring; read when first asked for, which verifies every one. */
  indexes(): Promise<readonly LayerIndex[]>;
  /** Its files: the layers laid upon each other. */
  tree(): Promise<Tree>;
}

/** The platforms to build when the description names none: the base's only one, or the host's. */
export async function defaultPlatforms(found: FoundBase | undefined, options: Options): Promise<readonly Platform[]> {
  if (found === undefined) return [{ ...hostPlatform(), os: "linux" }];
  return failingAs(found, options, async () => [(await openImage(found.source, found.descriptor, options)).platform]);
}

/** Opens a base for a platform. Throws BuildError BASE. */
export async function openBase(
  found: FoundBase,
  platform: Platform,
  cacheDir: string,
  options: Options,
): Promise<Base> {
  const image = await failingAs(found, options, () =>
    openImage(found.source, found.descriptor, { ...options, platform }),
  );
  let indexes: Promise<readonly LayerIndex[]> | undefined;
  let tree: Promise<Tree> | undefined;
  const read = (): Promise<readonly LayerIndex[]> => (indexes ??= readLayerIndexes(image.layers, cacheDir, options));
  return {
    found,
    image,
    get isRead() {
      return indexes !== undefined;
    },
    indexes: async () => await failingAs(found, options, read),
    tree: () => (tree ??= failingAs(found, options, async () => Tree.of(await read()))),
  };
}

/** What lies below the first layer on this base. */
export function lowerOf(tree: Tree): Lower {
  return {
    isEmpty: false,
    get: (path) => tree.lstat(path)?.header,
    names: (path) => (tree.children(path) ?? []).map(({ name }) => name),
  };
}

// Account files are short; a base that says otherwise is not worth reading.
const maxFile = 1 << 20;

/** The text of a file of the base, "" when there is none. */
export async function readBaseFile(base: Base, path: string, options: Options): Promise<string> {
  const tree = await base.tree();
  const wanted = tree.resolve(path)?.inode;
  if (wanted?.header.type !== "file") return "";
  if (wanted.header.size > maxFile)
    throw new BuildError("BASE", `Cannot read "/${path}" of base "${base.found.place}": it is larger than 1 MiB`);
  for await (const { node, body } of readFiles(base.image, tree, options)) {
    if (node.inode !== wanted) continue;
    const chunks: Uint8Array[] = [];
    for await (const chunk of body()) chunks.push(chunk);
    return Buffer.concat(chunks).toString("utf8");
  }
  return "";
}

/**
 * Annotations that say what an image was built on (image-spec annotations.md). `digest` is that of the
 * base whose layers it shares: a manifest's on a manifest, the index's on an index.
 */
export function baseAnnotations({ name, place }: FoundBase, digest: string): Record<string, string> {
  return {
    "org.opencontainers.image.base.digest": digest,
    "org.opencontainers.image.base.name": name ?? place,
  };
}

async function failingAs<T>(found: FoundBase, { signal }: Options, task: () => Promise<T>): Promise<T> {
  try {
    return await task();
  } catch (cause) {
    signal?.throwIfAborted();
    if (!(cause instanceof Error)) throw cause;
    throw new BuildError("BASE", `Cannot use base "${found.place}": ${cause.message}`, {
      cause,
      ...("hint" in cause && typeof cause.hint === "string" ? { hint: cause.hint } : {}),
    });
  }
}
