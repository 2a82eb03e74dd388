import { readdirSync } from "node:fs";
import { hasCode } from "../list/context.ts";

/**
 * The names of packages directly in a folder, "@scope/name" too, or of the folders of a store; none when there
 * is no such folder.
 */
export function namesOfPackages(folder: string): string[] {
  return namesIn(folder)
    .filter((name) => !name.startsWith("."))
    .flatMap((name) => {
      const isScope = name.startsWith("@") && !isStore(folder);
      return isScope ? namesIn(`${folder}/${name}`).map((inner) => `${name}/${inner}`) : [name];
    });
}

/** Whether it is a folder that has each package of each version in a folder: pnpm's, npm's or Yarn's when they link packages. */
export function isStore(folder: string): boolean {
  return /(?:^|\/)node_modules\/\.(?:pnpm|store)$/.test(folder);
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (hasCode(error, "ENOENT", "ENOTDIR")) return [];
    throw error;
  }
}
