import { readdir, readFile, stat } from "node:fs/promises";
import { dirname, extname, join } from "node:path";
import { text } from "node:stream/consumers";
import { parseEnv } from "node:util";
import { readConfigText } from "../config/config-file.ts";
import { UsageError } from "../usage.ts";
import { parseWanted, type WantedImage } from "./images-to-bundle.ts";
import type { Variables } from "./interpolate.ts";
import { workloadImages } from "./workload-images.ts";

/** Reads a list of images, one a line, as they would be named on the command line; `-` is stdin. */
export async function readImageList(path: string): Promise<readonly WantedImage[]> {
  const content = path === "-" ? await text(process.stdin) : await readConfigText(path);
  return content.split(/\r?\n/).flatMap((line, at) => {
    const trimmed = line.trim();
    return trimmed === "" || trimmed.startsWith("#")
      ? []
      : [parseWanted(trimmed, [`${path === "-" ? "stdin" : path}:${at + 1}`])];
  });
}

/** What files of workloads want. */
export interface WorkloadsRead {
  readonly images: readonly WantedImage[];
  /** Notes on what could not be taken along. */
  readonly notes: readonly string[];
}

/** Reads the images of Kubernetes objects and compose files: of one file, or of all in a folder. */
export async function readWorkloads(path: string): Promise<WorkloadsRead> {
  const info = await stat(path).catch((cause: unknown) => {
    throw new UsageError(`Cannot read "${path}"`, { cause });
  });
  const files = info.isDirectory() ? await yamlFiles(path) : [path];
  const images: WantedImage[] = [];
  const notes: string[] = [];
  for (const file of files) {
    const variables = { ...(await variablesBeside(file)), ...process.env };
    const content = await readConfigText(file);
    // Where there is more than workloads, tools have files of theirs with comments in them.
    if (info.isDirectory() && extname(file) === ".json" && !isJson(content)) {
      notes.push(`${file}: it is no JSON, and not looked into`);
      continue;
    }
    const found = workloadImages(content, file, variables);
    for (const { image, line } of found.images) images.push({ place: image, wantedBy: [`${file}:${line}`] });
    for (const { text: note, line } of found.notes) notes.push(`${file}:${line}: ${note}`);
  }
  if (images.length === 0)
    throw new UsageError(
      `Cannot find an image in "${path}": ${files.length === 0 ? "it has no YAML" : "no container in it names one"}`,
    );
  return { images, notes };
}

/** The same images once each, with all who want them. */
export function mergeWanted(wanted: readonly WantedImage[]): readonly WantedImage[] {
  const merged = new Map<string, WantedImage>();
  for (const one of wanted) {
    const key = `${one.place}=${one.name ?? ""}`;
    const before = merged.get(key);
    merged.set(key, { ...one, wantedBy: [...(before?.wantedBy ?? []), ...one.wantedBy] });
  }
  return [...merged.values()];
}

async function yamlFiles(folder: string): Promise<readonly string[]> {
  const found: string[] = [];
  const entries = await readdir(folder, { withFileTypes: true });
  for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    if (entry.name.startsWith(".") || entry.name === "node_modules") continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) found.push(...(await yamlFiles(path)));
    else if (isYamlName(entry.name) && (await stat(path).catch(() => undefined))?.isFile() === true) found.push(path);
  }
  return found;
}

// Kustomizations, too: they are refused by name.
function isYamlName(name: string): boolean {
  return [".yaml", ".yml", ".json"].includes(extname(name)) || name === "Kustomization";
}

function isJson(content: string): boolean {
  try {
    JSON.parse(content);
    return true;
  } catch {
    return false;
  }
}

// Compose takes variables from a file beside its own.
async function variablesBeside(file: string): Promise<Variables> {
  const content = await readFile(join(dirname(file), ".env"), "utf8").catch(() => "");
  return parseEnv(content);
}
