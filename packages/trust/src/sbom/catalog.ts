import type { Bytes, TarHeader, Tree, TreeNode } from "@lading/oci";
import type { Package } from "./package.ts";
import type { OperatingSystem } from "./os-release.ts";

/**
 * Knows one kind of package: which files of an image tell of it, what they say, and which packages that comes to.
 * Files are read in the order of the layers, before anybody knows which of them are still there in the end; `packages`
 * gets those that are.
 */
export interface Catalog<Fact> {
  /** Whether a file of this path, from the root, is one that tells. `header` knows its size and mode. */
  wants(path: string, header: TarHeader): boolean;
  /** How many bytes a file may have; larger ones are not read. */
  limit(path: string): number;
  /** What a file says; undefined for nothing. Throws Unreadable. */
  read?(bytes: Uint8Array, path: string): Fact | undefined;
  /** About how many bytes of memory a fact takes, where that is far less than its file. Default: the file's size. */
  held?(fact: Fact): number;
  /** In the place of `read`, for files that are too large to be held. */
  scan?(body: Bytes): Promise<Fact | undefined>;
  /** The packages that the files of the merged tree come to. */
  packages(files: readonly Catalogued<Fact>[], image: CataloguedImage): readonly Package[];
}

/** A file that a container sees, and what it says. */
export interface Catalogued<Fact> {
  readonly path: string;
  readonly node: TreeNode;
  readonly fact: Fact;
  /** The layer that it is in, from 0. */
  readonly layer: number;
  /** What it said in the layers below, the nearest first. */
  readonly before: readonly { readonly layer: number; readonly fact: Fact }[];
}

/** What there is to know of an image beside the files of a catalog. */
export interface CataloguedImage {
  readonly tree: Tree;
  readonly os: OperatingSystem | undefined;
  readonly env: ReadonlyMap<string, string>;
}

/** What of an image was not understood, so that packages may be missing. */
export interface UnreadFile {
  readonly path: string;
  readonly reason: string;
}

/** Why a file tells nothing although it should. */
export class Unreadable extends Error {
  override readonly name = "Unreadable";
}
