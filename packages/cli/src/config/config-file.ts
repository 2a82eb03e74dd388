import { open, readFile, stat } from "node:fs/promises";
import { extname } from "node:path";
import { pathToFileURL } from "node:url";
import { ConfigError } from "./config-error.ts";
import { parseDescription } from "./config-issues.ts";
import type { DescriptionFile } from "./description-file.ts";
import { messages } from "../explain.ts";
import { UsageError } from "../usage.ts";

/** Names of build descriptions, in the order in which they are looked for. */
export const configNames: readonly string[] = [
  "lading.yaml",
  "lading.yml",
  "lading.config.ts",
  "lading.config.mts",
  "lading.config.js",
  "lading.config.mjs",
];

/**
 * Reads a build description: a module whose default export is one (or a function that returns
 * one), else YAML. `shown` is how messages call the file. Throws ConfigError, or UsageError when the
 * file cannot be read.
 */
export async function loadConfig(path: string, shown: string = path): Promise<DescriptionFile> {
  await refuseLarge(path, shown);
  const kind = extname(path);
  if (/^\.[cm]?[jt]s$/.test(kind)) return await loadModule(path, shown);
  const { parseYamlConfig } = await import("./yaml-config.ts");
  return await parseYamlConfig(await readText(path, shown), shown);
}

/** What stands for the name of a file that is given on standard input. */
export const standardInput = "-";

/** The text of a file that a person wrote; of `standardInput` too. Throws ConfigError, or UsageError when it cannot be read. */
export async function readConfigText(path: string, shown: string = path): Promise<string> {
  if (path !== standardInput) await refuseLarge(path, shown);
  return await readText(path, shown);
}

async function readText(path: string, shown: string): Promise<string> {
  try {
    const bytes = path === standardInput ? await readInput() : await readFile(path);
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    if (error instanceof TypeError)
      throw new ConfigError([{ message: `Cannot read "${shown}": it is not UTF-8 text` }]);
    throw new UsageError(`Cannot read "${shown}"`, { cause: error });
  }
}

/** How a file begins; "" for what cannot be read. */
export async function readBeginning(path: string): Promise<string> {
  if ((await stat(path).catch(() => undefined))?.isFile() !== true) return "";
  const file = await open(path).catch(() => undefined);
  if (file === undefined) return "";
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(4096), 0, 4096, 0);
    return buffer.toString("utf8", 0, bytesRead);
  } finally {
    await file.close();
  }
}

const maxSize = 4 * 1024 * 1024;

let input: Promise<Uint8Array> | undefined;

/** There is one standard input, to be read once: whoever comes later gets the same. */
async function readInput(): Promise<Uint8Array> {
  return await (input ??= readAll());
}

async function readAll(): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of process.stdin) {
    const bytes = Buffer.from(chunk);
    size += bytes.length;
    if (size > maxSize) throw new Error(`More than ${maxSize} bytes are too many for a description`);
    chunks.push(bytes);
  }
  return Buffer.concat(chunks);
}

/** Whether the shell hands a file over as an open descriptor, as in `-f <(command)`. */
export function isDescriptor(path: string): boolean {
  return /^\/(?:dev|proc\/self)\/fd\/\d+$|^\/dev\/stdin$/.test(path);
}

/** Throws UsageError for what is no file: opening a FIFO that nobody writes to blocks for ever, out of reach of Ctrl-C. */
export async function refuseSpecial(path: string, shown: string): Promise<void> {
  if (isDescriptor(path)) return;
  const found = await stat(path).catch((error: unknown) => {
    throw new UsageError(`Cannot read "${shown}"`, { cause: error });
  });
  if (!found.isFile()) throw new UsageError(`Cannot read "${shown}": it is not a regular file`);
}

/** Throws UsageError for what is no file that a person wrote. */
async function refuseLarge(path: string, shown: string): Promise<void> {
  if (isDescriptor(path)) return;
  await refuseSpecial(path, shown);
  const { size } = await stat(path);
  if (size > maxSize)
    throw new UsageError(`Cannot read "${shown}": ${size} bytes are more than ${maxSize}, too many for a description`);
}

async function loadModule(path: string, shown: string): Promise<DescriptionFile> {
  let exported: unknown;
  try {
    exported = await orStuck(importDefault(path));
  } catch (error) {
    // "fetch failed" says nothing without why.
    throw new ConfigError([{ message: `Cannot run "${shown}": ${messages(error).join(": ")}` }], { cause: error });
  }
  if (exported === undefined)
    throw new ConfigError([
      {
        message: `Cannot read "${shown}": it has no default export`,
        hint: "Write `export default defineConfig({ … })`",
      },
    ]);
  try {
    return await parseDescription(exported, shown);
  } catch (error) {
    // Its own getters throw what they like.
    if (error instanceof ConfigError) throw error;
    throw new ConfigError(
      [{ message: `Cannot read "${shown}": ${error instanceof Error ? error.message : String(error)}` }],
      { cause: error },
    );
  }
}

async function importDefault(path: string): Promise<unknown> {
  const module: { readonly default?: unknown } = await import(pathToFileURL(path).href);
  return typeof module.default === "function" ? await module.default() : await module.default;
}

/** What `task` gives; throws when nothing is left that could settle it, where Node would just end. */
async function orStuck<T>(task: Promise<T>): Promise<T> {
  const stuck = Promise.withResolvers<never>();
  const tell = (): void => stuck.reject(new Error("it waits for something that never happens"));
  process.once("beforeExit", tell);
  try {
    return await Promise.race([task, stuck.promise]);
  } finally {
    process.off("beforeExit", tell);
  }
}
