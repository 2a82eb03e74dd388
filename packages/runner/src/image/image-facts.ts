import { buffer } from "node:stream/consumers";
import {
  type Digest,
  type ImageConfig,
  indexEntry,
  type IndexedEntry,
  type Layer,
  type LayerIndex,
  OciError,
  openLayer,
  type Options,
  readFiles,
  readTar,
  type TarType,
  Tree,
  type TreeNode,
} from "@lading/oci";
import { cleanPath } from "./paths.ts";
import type { Accounts } from "./user.ts";

/** Something of an image that is not what engines and runtimes take it for. */
export interface Oddity {
  /** Absolute. */
  readonly path: string;
  /** `dangling` is a link to nothing that the image has. */
  readonly type: TarType | "dangling";
  /** Of a link. */
  readonly target: string;
}

/** A folder that the config calls a volume, as the image has it. */
export interface VolumeFolder {
  readonly path: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/**
 * What must be known of an image besides its config to run it: found once in its merged tree, kept by
 * `FactsStore`.
 */
export interface ImageFacts {
  /** What its programs are for, as Go names it: `amd64`. */
  readonly architecture: string;
  readonly accounts: Accounts;
  /** The highest number of a user or a group that a file belongs to. */
  readonly highestOwner: number;
  /** What stands where runtimes mount, and where engines read and write, and is not what belongs there. */
  readonly oddities: readonly Oddity[];
  /** Of /etc/passwd and /etc/group those that are symlinks, be it to files of the image. */
  readonly linkedAccounts: readonly string[];
  /** Links that lead to no file: absolute paths and their targets. Whatever names a folder may lead through them. */
  readonly links: ReadonlyMap<string, string>;
  /** Whether the config's WorkingDir is a folder of the image, links followed. */
  readonly hasWorkingDir: boolean;
  /** Folders of the image that its config calls volumes, by path without links. */
  readonly volumes: readonly VolumeFolder[];
  /** Account files that are too large to be any, and were not read. */
  readonly hugeAccounts: readonly string[];
}

export interface ImageFactsOptions extends Options {
  /** The indexes of its layers, where the caller has them. */
  readonly indexes?: readonly LayerIndex[] | undefined;
  /** Layers of the image before, which are not read again; after it, those of this one. Default: each is read. */
  readonly memory?: LayerMemory | undefined;
}

/** What layers of an image bring, by diffID. */
export interface LayerMemory {
  layers: ReadonlyMap<Digest, ReadLayer>;
}

/** Bytes; nobody has so many users, and engines have been made to read gigabytes (CVE-2026-47262). */
const largestAccounts = 1024 * 1024;
const accountPaths = ["etc/passwd", "etc/group"] as const;

/** Reads the layers of an image once. Throws as `indexLayer` and `Tree` of `@lading/oci`. */
export async function imageFacts(
  image: { readonly layers: readonly Layer[]; readonly config: ImageConfig },
  { indexes, memory, signal }: ImageFactsOptions = {},
): Promise<ImageFacts> {
  const layers = indexes === undefined ? await readLayers(image.layers, { memory, signal }) : undefined;
  const tree = Tree.of(indexes ?? layers ?? []);
  const nodes = accountPaths.map((path) => find(tree, path));
  const [passwd = "", group = ""] = await Promise.all(
    nodes.map((node) => accountText(image.layers, tree, node, layers, { signal })),
  );
  const links = folderLinks(tree);
  const workdir = cleanPath(image.config.config?.WorkingDir ?? "/");
  return {
    architecture: image.config.architecture,
    accounts: { passwd, group },
    highestOwner: highestOwner(tree),
    oddities: oddities(tree),
    linkedAccounts: accountPaths.flatMap((path) =>
      find(tree, path, false)?.header.type === "symlink" ? [`/${path}`] : [],
    ),
    links,
    hasWorkingDir: find(tree, workdir)?.header.type === "directory",
    volumes: Object.keys(image.config.config?.Volumes ?? {}).flatMap((path) => volumeFolder(tree, path)),
    hugeAccounts: nodes.flatMap((node) => (node !== undefined && isHuge(node) ? [`/${node.path}`] : [])),
  };
}

/** A layer that was read for its facts. */
export interface ReadLayer extends LayerIndex {
  /** What may turn out to be the account files, by entry. */
  readonly texts: ReadonlyMap<number, string>;
}

async function readLayers(
  layers: readonly Layer[],
  { memory, signal }: ImageFactsOptions,
): Promise<readonly ReadLayer[]> {
  const read: ReadLayer[] = [];
  for (const layer of layers) {
    const before = memory?.layers.get(layer.diffId);
    if (before !== undefined) {
      read.push(before);
      continue;
    }
    const entries: IndexedEntry[] = [];
    const texts = new Map<number, string>();
    for await (const { header, body } of readTar(openLayer(layer, { diffId: layer.diffId, signal }), { signal })) {
      const entry = indexEntry(header);
      if (entry.kind === "node" && header.type === "file" && header.size <= largestAccounts && mayBeAccounts(entry))
        texts.set(entries.length, await textOf(body()));
      entries.push(entry);
    }
    read.push({ entries, texts });
  }
  // Of the last image alone: who builds again and again changes the uppermost layers.
  if (memory !== undefined)
    memory.layers = new Map(
      layers.flatMap(({ diffId }, index) => (read[index] === undefined ? [] : [[diffId, read[index]]])),
    );
  return read;
}

function mayBeAccounts(entry: Extract<IndexedEntry, { kind: "node" }>): boolean {
  return accountPaths.some((path) => entry.header.path === path);
}

/** "" where there is none, or none of a sane size. */
async function accountText(
  layers: readonly Layer[],
  tree: Tree,
  node: TreeNode | undefined,
  read: readonly ReadLayer[] | undefined,
  options: Options,
): Promise<string> {
  if (node === undefined || node.header.type !== "file" || isHuge(node)) return "";
  const known = read?.[node.inode.layer]?.texts.get(node.inode.entry);
  if (known !== undefined) return known;
  // Somewhere else, behind links.
  for await (const file of readFiles({ layers }, tree, options))
    if (file.node.inode === node.inode) return await textOf(file.body());
  return "";
}

async function textOf(bytes: AsyncIterable<Uint8Array>): Promise<string> {
  return (await buffer(bytes)).toString();
}

function highestOwner(tree: Tree): number {
  let highest = 0;
  for (const { header } of tree) highest = Math.max(highest, header.uid, header.gid);
  return highest;
}

function isHuge(node: TreeNode): boolean {
  return node.header.type === "file" && node.header.size > largestAccounts;
}

/** What runtimes mount over must be the image's own; the others may be links, as long as they end in what they should be. */
export const expectedTypes = [
  { path: "dev", type: "directory", links: false },
  { path: "proc", type: "directory", links: false },
  { path: "sys", type: "directory", links: false },
  { path: "run", type: "directory", links: true },
  { path: "etc", type: "directory", links: true },
  { path: "etc/passwd", type: "file", links: true },
  { path: "etc/group", type: "file", links: true },
] as const;

function oddities(tree: Tree): readonly Oddity[] {
  const found: Oddity[] = [];
  for (const { path, type, links } of expectedTypes) {
    const node = find(tree, path, false);
    if (node === undefined || node.header.type === type) continue;
    const end = node.header.type === "symlink" ? find(tree, path) : node;
    if (links && end?.header.type === type) continue;
    found.push(oddity(path, node, end));
  }
  // What a runtime would cover masked files with (CVE-2025-31133).
  const masks = find(tree, "dev/null", false);
  if (masks !== undefined && masks.header.type !== "char" && masks.header.type !== "file")
    found.push(oddity("dev/null", masks, find(tree, "dev/null")));
  return found;
}

function oddity(path: string, node: TreeNode, end: TreeNode | undefined): Oddity {
  return { path: `/${path}`, type: end === undefined ? "dangling" : node.header.type, target: node.header.linkname };
}

function folderLinks(tree: Tree): ReadonlyMap<string, string> {
  const links = new Map<string, string>();
  for (const node of tree)
    if (node.header.type === "symlink" && find(tree, node.path)?.header.type !== "file")
      links.set(`/${node.path}`, node.header.linkname);
  return links;
}

/** Nothing for what is no folder. */
function volumeFolder(tree: Tree, path: string): readonly VolumeFolder[] {
  const node = find(tree, cleanPath(path));
  if (node?.header.type !== "directory") return [];
  const { mode, uid, gid } = node.header;
  return [{ path: `/${node.path}`, mode, uid, gid }];
}

/** Undefined for what leads through links without an end, too. */
function find(tree: Tree, path: string, followLast = true): TreeNode | undefined {
  try {
    return tree.resolve(path, { followLast });
  } catch (error) {
    if (error instanceof OciError && error.code === "LIMIT_EXCEEDED") return undefined;
    throw error;
  }
}
