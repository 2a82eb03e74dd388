import { readdirSync, statSync, utimesSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { ImageTrees } from "../runc/image-trees.ts";
import { treeSize } from "../runc/tree-facts.ts";
import { stateFolder } from "../state/state-folder.ts";
import { hasCode } from "../state/system-error.ts";
import type { OwnIds } from "./own-ids.ts";
import { isHeld } from "./step-owner.ts";

/** Unpacked files of a base that steps were run on, of a layer or of several merged: kept for the next build, until somebody removes them. */
export interface StepBase {
  /** Bytes of files. */
  readonly bytes: number;
  /** When it was used last, in milliseconds since 1970. */
  readonly usedMs: number;
  /** Removes it, unless a build stands on it; whether it is gone. Takes who could unpack it. */
  remove(): Promise<boolean>;
}

/** Where bases are: the numbers of owners on the disk are others for whoever has other ids. */
export function basesFolder(build: string, { name }: OwnIds): string {
  return name === "" ? build : join(build, `ids-${name}`);
}

/** All that there are below a state folder, which is found as `stateFolder` does. */
export function stepBases(root?: string): readonly StepBase[] {
  const build = join(stateFolder(root), "build");
  const others = namesIn(build).filter((name) => name.startsWith("ids-"));
  return [build, ...others.map((name) => join(build, name))].flatMap((place) => {
    const trees = new ImageTrees(place);
    return trees.all().flatMap((tree): readonly StepBase[] => {
      const folder = trees.folder(tree);
      const bytes = treeSize(folder);
      if (bytes === undefined || tree.startsWith(".")) return [];
      const remove = async (): Promise<boolean> => {
        await trees.sweep(tree, () => isHeld(join(build, "steps"), tree));
        return !trees.has(tree);
      };
      return [{ bytes, usedMs: statSync(folder).mtimeMs, remove }];
    });
  });
}

/** Says that the files in a tree's folder were used now. */
export function touchBase(folder: string): void {
  const now = new Date();
  utimesSync(folder, now, now);
}

/** Takes away what was being unpacked when its process was killed: nobody takes so long. */
export async function sweepUnfinished(place: string): Promise<void> {
  const trees = new ImageTrees(place);
  for (const name of trees.abandoned())
    if (name.startsWith(".")) await rm(trees.folder(name), { recursive: true, force: true });
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (hasCode(error, "ENOENT")) return [];
    throw error;
  }
}
