import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { run, type RunOptions } from "./command.ts";

/** The path of the command of this checkout. */
export const ladingCommand: string = fileURLToPath(new URL("../../lading", import.meta.url));

/** The finished hello-static example, as `npm install` leaves it. */
export const helloStatic: string = fileURLToPath(new URL("../../examples/hello-static", import.meta.url));

/** Run the command of this checkout; what it wrote to stdout. */
export function lading(args: readonly string[], options: RunOptions = {}): Promise<string> {
  return run(ladingCommand, args, options);
}

/** Write files, given by path below `folder`. */
export async function writeFiles(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }
}
