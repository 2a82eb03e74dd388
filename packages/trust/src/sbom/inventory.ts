import { availableParallelism } from "node:os";
import {
  type Bytes,
  type Image,
  indexEntry,
  type IndexedEntry,
  Limiter,
  OciError,
  openLayer,
  type Options,
  readTar,
  type TarHeader,
  Tree,
  type TreeNode,
} from "@lading/oci";
import { type Catalog, type Catalogued, type CataloguedImage, Unreadable, type UnreadFile } from "./catalog.ts";
import { type OperatingSystem, operatingSystemOf, osRelease } from "./os-release.ts";
import { apkPackages } from "./apk-packages.ts";
import { dpkgPackages } from "./dpkg-packages.ts";
import { nodeRuntime } from "./node-runtime.ts";
import { npmPackages } from "./npm-packages.ts";
import type { Package } from "./package.ts";
import { rpmPackages } from "./rpm/rpm-packages.ts";

/** What is in an image. */
export interface Inventory {
  /** By type, name, version and path. */
  readonly packages: readonly Package[];
  /** Undefined for an image without a distribution. */
  readonly os: OperatingSystem | undefined;
  /** What tells of packages and was not understood: the list may lack some. */
  readonly unread: readonly UnreadFile[];
}

/** Layers that are read at once. */
const concurrency = Math.min(4, availableParallelism());
/** Bytes of all files that are read whole, or of what is kept of them: a hundred times what large images have. */
const allOfThem = 512 * 1024 * 1024;

/**
 * The packages that a container of the image has, from the files that its layers hold. Each layer is read, and verified,
 * once; what tells of packages is kept, and everything else passed over. Throws as `openLayer`, `indexLayer` and `Tree`.
 */
export async function takeInventory(image: Image, options: Options = {}): Promise<Inventory> {
  const os = new Reading(osRelease);
  const others = [
    new Reading(npmPackages),
    new Reading(dpkgPackages),
    new Reading(apkPackages),
    new Reading(rpmPackages),
    new Reading(nodeRuntime),
  ];
  const readings: readonly AnyReading[] = [os, ...others];
  const stop = new AbortController();
  const signal = options.signal === undefined ? stop.signal : AbortSignal.any([options.signal, stop.signal]);
  const budget = { bytes: allOfThem };

  const limiter = new Limiter(concurrency);
  const layers = image.layers.map((layer, number) =>
    limiter
      .run(async () => {
        signal.throwIfAborted();
        return await readLayer(openLayer(layer, { diffId: layer.diffId, signal }), number, readings, budget, signal);
      })
      .catch((error: unknown) => {
        stop.abort(error);
        throw error;
      }),
  );
  await Promise.allSettled(layers);
  options.signal?.throwIfAborted();
  if (stop.signal.aborted) throw stop.signal.reason;
  const tree = Tree.empty();
  for (const layer of layers) tree.applyLayer({ entries: await layer });

  const found = filesOf(tree, readings);
  await readMissed(image, found, readings, budget, options);

  const unread: UnreadFile[] = [];
  const view: CataloguedImage = {
    tree,
    os: operatingSystemOf(os.files(found.get(os) ?? [], unread)),
    env: environmentOf(image),
  };
  const packages = others.flatMap((reading) => reading.packages(found.get(reading) ?? [], view, unread));
  return {
    packages: packages.toSorted(inOrder),
    os: view.os,
    unread: unread.toSorted((a, b) => compare(a.path, b.path) || compare(a.reason, b.reason)),
  };
}

type AnyReading = Pick<Reading<unknown>, "wants" | "take" | "has">;
type FilesByReading = ReadonlyMap<AnyReading, readonly TreeNode[]>;

interface Budget {
  /** That may still be kept of files. */
  bytes: number;
}

/** Where a file is: its layer, and its entry of that layer's tar. */
interface Position {
  readonly layer: number;
  readonly entry: number;
}

async function readLayer(
  tar: Bytes,
  layer: number,
  readings: readonly AnyReading[],
  budget: Budget,
  signal: AbortSignal,
): Promise<IndexedEntry[]> {
  const entries: IndexedEntry[] = [];
  for await (const { header, body } of readTar(tar, { signal })) {
    const entry = indexEntry(header);
    if (entry.kind === "node" && header.type === "file") {
      const { path } = entry.header;
      const reading = readings.find((one) => one.wants(path, header));
      if (reading !== undefined) await reading.take({ layer, entry: entries.length }, path, header, body, budget);
    }
    entries.push(entry);
  }
  return entries;
}

/** The files of the merged tree that each catalog wants, in byte order of their paths, folders before what they hold. */
function filesOf(tree: Tree, readings: readonly AnyReading[]): FilesByReading {
  const found = new Map<AnyReading, TreeNode[]>(readings.map((reading) => [reading, []]));
  for (const node of tree) {
    if (node.header.type !== "file") continue;
    const { path } = node;
    const reading = readings.find((one) => one.wants(path, node.header));
    if (reading !== undefined) found.get(reading)?.push(node);
  }
  return found;
}

/** Reads what hardlinks and links of folders have under other names than the tars do: seldom anything. */
async function readMissed(
  { layers }: Image,
  found: FilesByReading,
  readings: readonly AnyReading[],
  budget: Budget,
  { signal }: Options,
): Promise<void> {
  const missed = new Map<number, Map<number, { readonly reading: AnyReading; readonly path: string }>>();
  for (const reading of readings)
    for (const { inode, path } of found.get(reading) ?? [])
      if (!reading.has(inode)) {
        const entries = missed.get(inode.layer) ?? new Map<number, { reading: AnyReading; path: string }>();
        missed.set(inode.layer, entries.set(inode.entry, { reading, path }));
      }
  for (const [number, entries] of missed) {
    const layer = layers[number];
    if (layer === undefined) continue;
    let entry = 0;
    for await (const { header, body } of readTar(openLayer(layer, { diffId: layer.diffId, signal }), { signal })) {
      const wanted = entries.get(entry);
      if (wanted !== undefined) await wanted.reading.take({ layer: number, entry }, wanted.path, header, body, budget);
      entry++;
    }
  }
}

/** A catalog with what it has read so far. */
class Reading<Fact> {
  readonly #catalog: Catalog<Fact>;
  readonly #facts = new Map<string, Fact | Unreadable | undefined>();
  /** By the path that the tar has. */
  readonly #history = new Map<string, { readonly layer: number; readonly fact: Fact }[]>();

  constructor(catalog: Catalog<Fact>) {
    this.#catalog = catalog;
  }

  wants(path: string, header: TarHeader): boolean {
    return this.#catalog.wants(path, header);
  }

  has(position: Position): boolean {
    return this.#facts.has(keyOf(position));
  }

  async take(position: Position, path: string, header: TarHeader, body: () => Bytes, budget: Budget): Promise<void> {
    let fact: Fact | Unreadable | undefined;
    try {
      fact = await this.#read(path, header.size, body, budget);
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
      fact = error;
    }
    this.#facts.set(keyOf(position), fact);
    if (fact === undefined || fact instanceof Unreadable) return;
    const history = this.#history.get(path) ?? [];
    history.push({ layer: position.layer, fact });
    this.#history.set(path, history);
  }

  /** What these nodes are to the catalog; those that it could not read go to `unread`. */
  files(nodes: readonly TreeNode[], unread: UnreadFile[]): readonly Catalogued<Fact>[] {
    return nodes.flatMap((node) => {
      const { path, layer, inode } = node;
      const fact = this.#facts.get(keyOf(inode));
      if (fact instanceof Unreadable) unread.push({ path, reason: fact.message });
      if (fact === undefined || fact instanceof Unreadable) return [];
      const below = (this.#history.get(path) ?? []).filter((one) => one.layer < inode.layer);
      return [{ path, node, layer, fact, before: below.toSorted((a, b) => b.layer - a.layer) }];
    });
  }

  packages(nodes: readonly TreeNode[], image: CataloguedImage, unread: UnreadFile[]): readonly Package[] {
    return this.#catalog.packages(this.files(nodes, unread), image);
  }

  async #read(path: string, size: number, body: () => Bytes, budget: Budget): Promise<Fact | undefined> {
    const limit = this.#catalog.limit(path);
    if (size > limit) throw new Unreadable(`its ${size} bytes are more than ${limit}`);
    if (this.#catalog.scan !== undefined) return await this.#catalog.scan(body());
    if (this.#catalog.held === undefined) spend(budget, size);
    const bytes = Buffer.allocUnsafe(size);
    let at = 0;
    for await (const chunk of body()) {
      bytes.set(chunk, at);
      at += chunk.byteLength;
    }
    const fact = this.#catalog.read?.(bytes, path);
    if (fact !== undefined && this.#catalog.held !== undefined) spend(budget, this.#catalog.held(fact));
    return fact;
  }
}

/** Throws OciError LIMIT_EXCEEDED. */
function spend(budget: Budget, bytes: number): void {
  budget.bytes -= bytes;
  if (budget.bytes < 0)
    throw new OciError("LIMIT_EXCEEDED", `Cannot list packages: more than ${allOfThem} bytes tell of them`);
}

function keyOf({ layer, entry }: Position): string {
  return `${layer} ${entry}`;
}

function environmentOf({ config }: Image): ReadonlyMap<string, string> {
  return new Map(
    (config.config?.Env ?? []).map((variable) => {
      const equals = variable.indexOf("=");
      return [variable.slice(0, equals), variable.slice(equals + 1)] as const;
    }),
  );
}

function inOrder(a: Package, b: Package): number {
  return (
    compare(a.type, b.type) ||
    compare(a.name, b.name) ||
    compare(a.version, b.version) ||
    compare(a.purl, b.purl) ||
    compare(a.path, b.path)
  );
}

/** By code units: the order of no language, and the same everywhere. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
