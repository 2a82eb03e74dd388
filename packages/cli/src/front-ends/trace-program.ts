import { type Dirent, statSync } from "node:fs";
import { readdir, realpath } from "node:fs/promises";
import { join, relative } from "node:path";
import { type DescribedProject, tracedLayers } from "@lading/builder";
import { nodeFileTrace } from "@vercel/nft";
import { formatSize } from "../progress/quantity.ts";
import { UsageError } from "../usage.ts";
import type { Description } from "./front-end.ts";

/** The image with only those files of packages that the program can reach, and in words what that saved. */
export async function traceProgram(described: DescribedProject): Promise<Description> {
  const { spec, context, project, entry, installed, warnings } = described;
  if (entry === undefined)
    throw new UsageError("Cannot trace what a program reaches with --entrypoint: it may be any", {
      hint: "Name the program in package.json, as main or as the start script",
    });
  const { fileList } = await nodeFileTrace([join(context, project.folder, entry.file)], {
    base: context,
    processCwd: join(context, project.folder),
  });
  const files = new Set<string>();
  // A package that is reached through a link is listed with the link and without.
  for (const file of fileList) files.add(relative(context, await realpath(join(context, file))));
  const shared = installed.packages.filter(({ systems }) => systems === undefined);
  const whole = await sizesBelow(context, [...shared.map(({ folder }) => folder), ...installed.workspaces]);
  const kept = [...whole].filter(([file]) => files.has(file));
  const note = `traced: ${kept.length} of ${whole.size} files of packages are reached, ${total(kept)} of ${total(whole)}`;
  return { spec: { ...spec, layers: tracedLayers(described, files) }, context, note, warnings };
}

function total(sizes: Iterable<readonly [string, number]>): string {
  let sum = 0;
  for (const [, size] of sizes) sum += size;
  return formatSize(sum);
}

async function sizesBelow(context: string, folders: readonly string[]): Promise<ReadonlyMap<string, number>> {
  const sizes = new Map<string, number>();
  for (const folder of folders) {
    const entries: Dirent[] = await readdir(join(context, folder), { withFileTypes: true, recursive: true });
    for (const entry of entries) {
      if (!entry.isFile()) continue;
      const path = join(entry.parentPath, entry.name);
      sizes.set(relative(context, path), statSync(path).size);
    }
  }
  return sizes;
}
