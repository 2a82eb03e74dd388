import { readdirSync } from "node:fs";
import { hasCode } from "../list/context.ts";

/** The names of packages directly in a folder, "@scope/name" too; none when there is no such folder. */
export function namesOfPackages(folder: string): string[] {
  return namesIn(folder)
    .filter((name) => !name.startsWith("."))
    .flatMap((name) => {
      // In the store of pnpm "@scope+name@1.0.0" is a package.
      const isScope = name.startsWith("@") && !name.includes("@", 1);
      return isScope ? namesIn(`${folder}/${name}`).map((inner) => `${name}/${inner}`) : [name];
    });
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (hasCode(error, "ENOENT", "ENOTDIR")) return [];
    throw error;
  }
}
