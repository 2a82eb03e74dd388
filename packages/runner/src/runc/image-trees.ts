import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, renameSync, statSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import {
  type Digest,
  digestOf,
  type Image,
  indexLayer,
  type Layer,
  type LayerIndex,
  openLayer,
  type Options,
  Tree,
} from "@lading/oci";
import { chainIds } from "../containerd/chain-id.ts";
import { hasCode } from "../state/system-error.ts";
import { hexOf, rootfsOf, treesFolder } from "./image-folder.ts";
import { hasFolders, loneLayer } from "./lone-layer.ts";
import type { UnpackOptions } from "./special-files.ts";
import { layerFacts } from "./tree-facts.ts";
import { writeTreeRecord } from "./tree-record.ts";
import { unpackAlone, type Unpacked, unpackMerged } from "./unpack.ts";

export interface EnsureOptions extends Options {
  /** Of layers that were read before, by diffID: they are not read again for it, and those of others are added. */
  readonly indexes?: Map<Digest, LayerIndex> | undefined;
}

/** The trees of the uppermost layers of an image. */
export interface UpperTrees {
  /** The uppermost first. */
  readonly names: readonly string[];
  /** Whether the last one is of all layers below it as well. */
  readonly merged: boolean;
}

/** The tree of a layer that may be laid over others. */
interface AloneTree {
  readonly name: string;
  /** Of the layer with all below it. */
  readonly chainId: string;
  /** Folders that the layers below must have, where that is not known yet. */
  readonly needed: readonly string[];
  /** Makes it; undefined of one that is here. */
  readonly unpack?: ((folder: string) => Promise<Unpacked>) | undefined;
}

const day = 24 * 60 * 60 * 1000; // milliseconds

/** The most layers that stand each for itself: the names of all have to fit in one page. */
const mostLayers = 100;

/** The unpacked files of images, each layer once for all images that have it. */
export class ImageTrees {
  readonly #root: string;
  readonly #how: Omit<UnpackOptions, "signal">;
  /** By chain ID, the tree of the uppermost layer, of those that were seen to stand on all below them. */
  readonly #standing = new Map<string, string>();

  /** @param root - The state folder. */
  constructor(root: string, how: Omit<UnpackOptions, "signal"> = {}) {
    this.#root = root;
    this.#how = how;
  }

  /**
   * The names of the trees that an image's files are made of, the uppermost first, which are unpacked when they are not
   * here yet: a tree for each layer that stands alone, down to one that does not; that is merged with all below it.
   * Throws as `indexLayer` and `unpackMerged`.
   */
  async ensure({ layers }: Pick<Image, "layers">, options: EnsureOptions = {}): Promise<readonly string[]> {
    const { names } = await this.upper(layers, 0, options);
    return names.length > 0 ? names : [await this.merged([], options)];
  }

  /**
   * As `ensure`, of layers, the lowest first, without so many that are below, as long as those above all stand alone.
   */
  async upper(layers: readonly Layer[], below: number, options: EnsureOptions = {}): Promise<UpperTrees> {
    const known = { indexes: new Map<Digest, LayerIndex>(), ...options };
    const alone = await this.#alone(layers, below, known);
    // A layer that an image has twice is seen where it is uppermost.
    const names = new Set<string>();
    for (const { name, chainId, unpack } of alone) {
      if (unpack !== undefined && !this.has(name)) await this.#make(name, unpack);
      this.#standing.set(chainId, name);
      names.add(name);
    }
    const left = layers.slice(0, layers.length - alone.length);
    const merged = left.length > below;
    if (merged) names.add(await this.merged(left, known));
    return { names: [...names], merged };
  }

  /** The uppermost layers that may be laid over all below them, the uppermost first. */
  async #alone(layers: readonly Layer[], below: number, options: EnsureOptions): Promise<readonly AloneTree[]> {
    const chain = chainIds(layers.map(({ diffId }) => diffId)).map(hexOf);
    const found: AloneTree[] = [];
    const names = new Set<string>();
    for (const [at, layer] of [...layers.entries()].slice(below).toReversed()) {
      const chainId = chain[at] ?? "";
      const tree =
        names.size < mostLayers && !this.has(chainId) ? await this.#treeOf(layer, chainId, options) : undefined;
      if (tree === undefined) break;
      found.push(tree);
      names.add(tree.name);
    }
    const lowest = layers.length - found.length;
    const needing = found.findIndex(({ needed }) => needed.length > 0);
    if (needing === -1) return found;
    // One tree for all, which grows from layer to layer.
    const tree = Tree.empty();
    let lacking = -1;
    for (const [at, layer] of layers.slice(0, layers.length - needing).entries()) {
      const { needed } = found[layers.length - 1 - at] ?? { needed: [] };
      if (at >= lowest && !hasFolders(tree, needed)) lacking = at;
      tree.applyLayer(await indexOf(layer, options));
    }
    return found.slice(0, layers.length - 1 - lacking);
  }

  /** The tree of a layer by itself; undefined when it cannot have one. */
  async #treeOf(layer: Layer, chainId: string, options: EnsureOptions): Promise<AloneTree | undefined> {
    const standing = this.#standing.get(chainId);
    if (standing !== undefined && this.has(standing)) return { name: standing, chainId, needed: [] };
    const [lowest, above] = layerNames(layer.diffId);
    for (const name of [lowest, above]) {
      const facts = layerFacts(this.folder(name));
      if (facts !== undefined) return { name, chainId, needed: facts.needed };
    }
    // What is here all the same was merged, with nothing below it.
    if (this.has(lowest)) return undefined;
    const index = await indexOf(layer, options);
    const lone = loneLayer(index, this.#how);
    if (lone === undefined) return undefined;
    const how = { ...options, ...this.#how };
    return {
      name: lone.needed.length === 0 ? lowest : above,
      chainId,
      needed: lone.needed,
      unpack: (folder) => unpackAlone({ layer, index }, lone, folder, how),
    };
  }

  /** The name of the one tree of all these layers, the lowest first. */
  async merged(layers: readonly Layer[], options: EnsureOptions = {}): Promise<string> {
    const diffIds = layers.map(({ diffId }) => diffId);
    const name = hexOf(chainIds(diffIds).at(-1) ?? digestOf(""));
    if (this.has(name)) return name;
    const indexes = await indexesOf(layers, options);
    const indexed = layers.flatMap((layer, at) => (indexes[at] === undefined ? [] : [{ layer, index: indexes[at] }]));
    await this.#make(name, (folder) => unpackMerged(indexed, folder, { ...options, ...this.#how }));
    return name;
  }

  /** All names that trees of an image's files may have, whether they are here or not. */
  namesOf({ config }: Image): readonly string[] {
    const { diff_ids: diffIds } = config.rootfs;
    return [...new Set([...diffIds.flatMap(layerNames), ...[...chainIds(diffIds), digestOf("")].map(hexOf)])];
  }

  /** The names of what was not used for a day: whoever unpacks has been killed, or an image has it. */
  abandoned(): readonly string[] {
    return this.all().filter((name) => {
      const changed = statSync(this.folder(name), { throwIfNoEntry: false })?.mtimeMs;
      return changed !== undefined && Date.now() - changed > day;
    });
  }

  /** The names of all that is here, whole or not: those of what is being unpacked begin with a dot. */
  all(): readonly string[] {
    try {
      return readdirSync(treesFolder(this.#root));
    } catch (error) {
      if (hasCode(error, "ENOENT")) return [];
      throw error;
    }
  }

  has(name: string): boolean {
    return existsSync(this.folder(name));
  }

  folder(name: string): string {
    return join(treesFolder(this.#root), name);
  }

  /** Deletes files that no image has any more. */
  async sweep(name: string, isUsed: () => boolean): Promise<void> {
    if (isUsed()) return;
    const gone = this.#temporary();
    try {
      renameSync(this.folder(name), gone);
      // An image of them may have come in between, and found them.
      if (isUsed()) return renameSync(gone, this.folder(name));
    } catch (error) {
      // Another process was faster: to delete them, or to unpack them again.
      if (!hasCode(error, "ENOENT", "ENOTEMPTY", "EEXIST")) throw error;
    }
    await rm(gone, { recursive: true, force: true });
  }

  async #make(name: string, unpack: (folder: string) => Promise<Unpacked>): Promise<void> {
    const made = this.#temporary();
    // What is unpacked has programs that run as root for whoever starts them: none but root may reach them.
    mkdirSync(made, { recursive: true, mode: 0o700 });
    try {
      writeTreeRecord(made, await unpack(rootfsOf(made)));
      renameSync(made, this.folder(name));
    } catch (error) {
      await rm(made, { recursive: true, force: true });
      // Another process was faster.
      if (!hasCode(error, "ENOTEMPTY", "EEXIST")) throw error;
    }
  }

  #temporary(): string {
    return this.folder(`.${randomBytes(6).toString("hex")}`);
  }
}

/** What the tree of a layer is called; and where it needs folders below it, which the lowest layer has not. */
function layerNames(diffId: Digest): readonly [string, string] {
  return [hexOf(diffId), hexOf(digestOf(`above others: ${diffId}`))];
}

async function indexesOf(layers: readonly Layer[], options: EnsureOptions): Promise<readonly LayerIndex[]> {
  const indexes: LayerIndex[] = [];
  for (const layer of layers) indexes.push(await indexOf(layer, options));
  return indexes;
}

async function indexOf(layer: Layer, { indexes, signal }: EnsureOptions): Promise<LayerIndex> {
  const { diffId } = layer;
  const index = indexes?.get(diffId) ?? (await indexLayer(openLayer(layer, { diffId, signal }), { signal }));
  indexes?.set(diffId, index);
  return index;
}
