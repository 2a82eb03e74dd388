import { createHash } from "node:crypto";
import { type ContainerConfig, type Image, type Options, readFiles, type TreeNode } from "@lading/oci";
import { type ImageFacts, readImage } from "./image-layers.ts";

export interface FileChange {
  readonly change: "added" | "removed" | "changed";
  readonly path: string;
  /** What differs of a changed file: "content", "mode", "owner", "type", "link", "xattrs", "time". */
  readonly what: readonly string[];
  /** Bytes; 0 for what is no file. */
  readonly before: number;
  readonly after: number;
  /** Layer that has it now, from 1; of a removed file the one that had it. */
  readonly layer: number;
}

interface ConfigChange {
  /** "env NODE_ENV", "user", "label org.x". */
  readonly key: string;
  readonly before: string | undefined;
  readonly after: string | undefined;
}

export interface ImageDifference {
  readonly files: readonly FileChange[];
  readonly config: readonly ConfigChange[];
  /** Counts of layers, told apart by their uncompressed content. */
  readonly layers: { readonly shared: number; readonly before: number; readonly after: number };
}

/** Compares what containers of two images see, and what they run with. */
export async function compareImages(before: Image, after: Image, options: Options = {}): Promise<ImageDifference> {
  const sides = { before: await readImage(before, options), after: await readImage(after, options) };
  const candidates = pairs(sides.before, sides.after);
  // Only files that could be equal are read: same path, both regular, same size, other layer.
  const doubtful = candidates.filter(
    ({ a, b }) => a !== undefined && b !== undefined && sameSize(a, b) && !sameEntry(before, after, a, b),
  );
  const hashesA = await hashes(before, sides.before, new Set(doubtful.map(({ a }) => a?.inode)), options);
  const hashesB = await hashes(after, sides.after, new Set(doubtful.map(({ b }) => b?.inode)), options);

  const files = candidates.flatMap(({ path, a, b }): FileChange[] => {
    if (a === undefined)
      return b === undefined
        ? []
        : [{ change: "added", path, what: [], before: 0, after: b.header.size, layer: b.layer + 1 }];
    if (b === undefined)
      return [{ change: "removed", path, what: [], before: a.header.size, after: 0, layer: a.layer + 1 }];
    const what = differences(
      a,
      b,
      !sameEntry(before, after, a, b) && (!sameSize(a, b) || hashesA.get(a.inode) !== hashesB.get(b.inode)),
    );
    return what.length === 0
      ? []
      : [{ change: "changed", path, what, before: a.header.size, after: b.header.size, layer: b.layer + 1 }];
  });
  const known = new Set(before.layers.map((layer) => layer.diffId));
  return {
    files,
    config: compareConfigs(before, after),
    layers: {
      shared: after.layers.filter((layer) => known.has(layer.diffId)).length,
      before: before.layers.length,
      after: after.layers.length,
    },
  };
}

interface Pair {
  readonly path: string;
  readonly a: TreeNode | undefined;
  readonly b: TreeNode | undefined;
}

function pairs(before: ImageFacts, after: ImageFacts): Pair[] {
  const found = new Map<string, { a: TreeNode | undefined; b: TreeNode | undefined }>();
  for (const node of before.tree) found.set(node.path, { a: node, b: undefined });
  for (const node of after.tree) {
    const known = found.get(node.path);
    if (known === undefined) found.set(node.path, { a: undefined, b: node });
    else known.b = node;
  }
  return [...found].map(([path, { a, b }]) => ({ path, a, b })).sort((x, y) => (x.path < y.path ? -1 : 1));
}

function sameSize(a: TreeNode, b: TreeNode): boolean {
  return a.header.type === "file" && b.header.type === "file" && a.header.size === b.header.size;
}

// The same entry of the same layer is the same file, without reading it.
function sameEntry(before: Image, after: Image, a: TreeNode, b: TreeNode): boolean {
  return (
    a.inode.entry === b.inode.entry && before.layers[a.inode.layer]?.diffId === after.layers[b.inode.layer]?.diffId
  );
}

async function hashes(
  image: Image,
  facts: ImageFacts,
  wanted: ReadonlySet<unknown>,
  options: Options,
): Promise<Map<unknown, string>> {
  const found = new Map<unknown, string>();
  if (wanted.size === 0) return found;
  for await (const { node, body } of readFiles(image, facts.tree, options)) {
    if (!wanted.has(node.inode)) continue;
    const hash = createHash("sha256");
    for await (const chunk of body()) hash.update(chunk);
    found.set(node.inode, hash.digest("hex"));
  }
  return found;
}

function differences({ header: a }: TreeNode, { header: b }: TreeNode, content: boolean): string[] {
  // A hardlink and the file it names are one thing; both come as the file's own header.
  if (a.type !== b.type) return ["type"];
  const what: string[] = [];
  if (a.type === "file" && content) what.push("content");
  if (a.type === "symlink" && a.linkname !== b.linkname) what.push("link");
  if (a.devmajor !== b.devmajor || a.devminor !== b.devminor) what.push("device");
  if (a.mode !== b.mode && a.type !== "symlink") what.push("mode");
  if (a.uid !== b.uid || a.gid !== b.gid) what.push("owner");
  if (xattrText(a.xattrs) !== xattrText(b.xattrs)) what.push("xattrs");
  if (Math.floor(a.mtime) !== Math.floor(b.mtime)) what.push("time");
  return what;
}

function xattrText(xattrs: ReadonlyMap<string, Uint8Array>): string {
  return [...xattrs]
    .map(([name, value]) => `${name}=${Buffer.from(value).toString("hex")}`)
    .sort()
    .join("\n");
}

function compareConfigs(before: Image, after: Image): ConfigChange[] {
  const a = flatConfig(before);
  const b = flatConfig(after);
  return [...new Set([...a.keys(), ...b.keys()])]
    .filter((key) => a.get(key) !== b.get(key))
    .map((key) => ({ key, before: a.get(key), after: b.get(key) }));
}

// One line for each thing that can change by itself.
function flatConfig({ config, manifest }: Image): Map<string, string> {
  const flat = new Map<string, string>();
  const put = (key: string, value: unknown): void => {
    if (value !== undefined && value !== "") flat.set(key, typeof value === "string" ? value : JSON.stringify(value));
  };
  const container: ContainerConfig = config.config ?? {};
  put("platform", [config.os, config.architecture, config.variant].filter((part) => part !== undefined).join("/"));
  put("created", config.created);
  put("author", config.author);
  put("entrypoint", container.Entrypoint);
  put("cmd", container.Cmd);
  put("user", container.User);
  put("workdir", container.WorkingDir);
  put("stop signal", container.StopSignal);
  put("healthcheck", container.Healthcheck);
  for (const variable of container.Env ?? [])
    put(`env ${variable.slice(0, variable.indexOf("="))}`, variable.slice(variable.indexOf("=") + 1) || '""');
  for (const [key, value] of Object.entries(container.Labels ?? {})) put(`label ${key}`, value);
  for (const port of Object.keys(container.ExposedPorts ?? {})) put(`port ${port}`, "exposed");
  for (const volume of Object.keys(container.Volumes ?? {})) put(`volume ${volume}`, "yes");
  for (const [key, value] of Object.entries(manifest.annotations ?? {})) put(`annotation ${key}`, value);
  return flat;
}
