import { closeSync, openSync, readSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import type { PackageManifest } from "./lockfile.ts";
import { readManifest } from "./package-manifest.ts";
import type { NodeProgram } from "./entry-point.ts";
import type { Refusal } from "./start-script.ts";

/**
 * A program that a package which `folder` depends on brings along, its file relative to `folder`: `next` is
 * node_modules/next/dist/bin/next. Packages are looked for up to `root`.
 */
export function dependencyProgram(
  root: string,
  folder: string,
  { dependencies, optionalDependencies, devDependencies }: PackageManifest,
  program: string,
): NodeProgram | Refusal {
  for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
    const found = programOf(root, folder, name, program);
    if (found === undefined) continue;
    const flags = nodeFlags(join(folder, found));
    return flags !== undefined
      ? { file: found, flags }
      : { why: `runs "${program}" of ${name}, which is no program for Node` };
  }
  const developing = Object.keys(devDependencies).find((name) => programOf(root, folder, name, program) !== undefined);
  return developing === undefined
    ? { why: `runs "${program}", which is a program of none of its dependencies` }
    : {
        why: `runs "${program}" of ${developing}, which is not in the image: it is one of the devDependencies`,
        hint: `Let the start script be "node FILE" with what the build made, or move ${developing} to dependencies`,
      };
}

function programOf(root: string, folder: string, name: string, program: string): string | undefined {
  for (let at = folder; ; at = dirname(at)) {
    const installed = join(at, "node_modules", name);
    const manifest = readManifest(join(installed, "package.json"));
    if (manifest !== undefined) {
      const { bin } = manifest;
      const own = name.slice(name.lastIndexOf("/") + 1);
      const file = typeof bin === "string" ? (own === program ? bin : undefined) : bin?.[program];
      return file === undefined ? undefined : relative(folder, join(installed, file));
    }
    if (at === root) return undefined;
  }
}

/** What Node is called with for a file, as its first line says; undefined when the file does not begin as JavaScript for Node does. */
function nodeFlags(path: string): string[] | undefined {
  // As much as Linux reads of it.
  const beginning = Buffer.alloc(256);
  let file: number;
  try {
    file = openSync(path, "r");
  } catch {
    return undefined;
  }
  try {
    const line = beginning.toString("latin1", 0, readSync(file, beginning)).split("\n", 1)[0] ?? "";
    if (!line.startsWith("#!")) return /\.[cm]?js$/.test(path) ? [] : undefined;
    const first = /^#!\s*(?:\S*\/)?(?:env\s+(?:-S\s*)?)?(?:\S*\/)?node(?:\s([^\\'"$#]*))?$/.exec(line.trim());
    return first === null ? undefined : (first[1] ?? "").split(/\s+/).filter((word) => word !== "");
  } finally {
    closeSync(file);
  }
}
