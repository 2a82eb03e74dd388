import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Digest, isDigest } from "@lading/oci";
import * as z from "zod";
import { readConfigText } from "../config/config-file.ts";
import { parseValue } from "../config/config-issues.ts";
import { parseYaml } from "../config/yaml-config.ts";
import { writeWholeFile } from "../whole-file.ts";
import { lockName } from "./lock-name.ts";

const digest = z.custom<Digest>((value) => typeof value === "string" && isDigest(value), "expected a digest");

const image = z.strictObject({
  digest: digest.describe("What the place named: of several platforms the index"),
  platforms: z.record(z.string(), digest).describe("The manifest of each platform"),
});

const lockSchema = z.strictObject({
  version: z.literal(1),
  images: z.record(z.string(), image).describe("By place, as the description has it"),
  urls: z.record(z.string(), digest).optional().describe("What ADD of a Dockerfile fetches, by URL"),
});

/** What the places of a description named when they were locked. */
export type Lock = z.output<typeof lockSchema>;
export type LockedImage = z.output<typeof image>;

/** The lock of a folder; undefined when it has none. Throws ConfigError for one that is damaged. */
export async function readLock(folder: string): Promise<Lock | undefined> {
  const path = join(folder, lockName);
  if ((await readFile(path).catch(() => undefined)) === undefined) return undefined;
  const text = await readConfigText(path, lockName);
  return await parseYaml(
    text,
    lockName,
    async (value, options) => await parseValue({ schema: lockSchema, what: "the lock" }, value, lockName, options),
  );
}

/** Writes a lock whole, in an order that makes for small differences. Returns its path. */
export async function writeLock(folder: string, { version, images, urls = {} }: Lock): Promise<string> {
  const path = join(folder, lockName);
  const sorted = Object.fromEntries(
    sortedEntries(images).map(([place, { digest: of, platforms }]) => [
      place,
      { digest: of, platforms: Object.fromEntries(sortedEntries(platforms)) },
    ]),
  );
  const fetched = Object.fromEntries(sortedEntries(urls));
  const lock = { version, images: sorted, ...(Object.keys(fetched).length === 0 ? {} : { urls: fetched }) };
  await writeWholeFile(path, `${JSON.stringify(lock, undefined, 2)}\n`);
  return path;
}

function sortedEntries<T>(record: Readonly<Record<string, T>>): [string, T][] {
  return Object.entries(record).toSorted(([a], [b]) => (a < b ? -1 : 1));
}
