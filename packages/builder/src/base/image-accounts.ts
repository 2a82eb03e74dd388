import { readFile } from "node:fs/promises";
import type { Options } from "@lading/oci";
import { type Accounts, isNamed, parseAccounts } from "../plan/accounts.ts";
import { type Base, readBaseFile } from "./base.ts";
import type { FileContent, LayerPlan } from "../entry.ts";
import type { ListedEntry, Owner } from "../list/listing.ts";

/**
 * The users and groups of an image so far: of the topmost layer that has the file, or of the base.
 * Undefined when no owner needs them, or there are none. Reads the base at most once for each file.
 */
export async function readAccounts(
  listed: readonly ListedEntry[],
  layers: readonly LayerPlan[],
  base: Base | undefined,
  options: Options,
): Promise<Accounts | undefined> {
  if (!hasNames(listed)) return undefined;
  const passwd = await readImageFile("etc/passwd", layers, base, options);
  const group = await readImageFile("etc/group", layers, base, options);
  return passwd === "" && group === "" ? undefined : parseAccounts(passwd, group);
}

/** Whether an owner is given by name. */
export function hasNames(listed: readonly ListedEntry[]): boolean {
  // A listing shares few objects among its many entries.
  let last: Owner | undefined;
  return listed.some(({ owner }) => {
    if (owner === last) return false;
    last = owner;
    return isNamed(owner);
  });
}

async function readImageFile(
  path: string,
  layers: readonly LayerPlan[],
  base: Base | undefined,
  options: Options,
): Promise<string> {
  for (const { entries } of layers.toReversed()) {
    const entry = entries.find((one) => one.path === path);
    if (entry !== undefined) return entry.type === "file" ? readContent(entry.content, options) : "";
  }
  return base === undefined ? "" : readBaseFile(base, path, options);
}

async function readContent(content: FileContent, options: Options): Promise<string> {
  if (content.kind === "disk") return readFile(content.path, { encoding: "utf8", signal: options.signal });
  if (content.kind === "literal") return Buffer.from(content.bytes).toString("utf8");
  const chunks: Uint8Array[] = [];
  for await (const chunk of content.open(options)) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}
