import { readdir, readFile, stat } from "node:fs/promises";
import { basename, extname, join } from "node:path";
import { pathToFileURL } from "node:url";
import type { BuildSpec } from "@lading/builder";
import { ConfigError } from "./config-error.ts";
import { parseConfigValue } from "./config-issues.ts";
import { UsageError } from "../usage.ts";
import { parseYamlConfig } from "./yaml-config.ts";

/** Names of build descriptions, in the order in which they are looked for. */
export const configNames: readonly string[] = [
  "lading.yaml",
  "lading.yml",
  "lading.config.ts",
  "lading.config.mts",
  "lading.config.js",
  "lading.config.mjs",
];

// Formats that people may expect to work, because other tools read them.
const foreign = ["Dockerfile", "Containerfile", "jib.yaml", "jib.yml"];

/** What a folder has by way of a build description. */
export interface FoundConfig {
  /** The first of `configNames` in the folder. */
  readonly path: string | undefined;
  /** A file that describes a build for another tool. */
  readonly foreign: string | undefined;
}

/** Looks for a build description directly in `context`. */
export async function findConfig(context: string): Promise<FoundConfig> {
  let names: Set<string>;
  try {
    names = new Set(await readdir(context));
  } catch (error) {
    throw new UsageError(`Cannot read context folder "${context}"`, { cause: error });
  }
  const found = configNames.find((name) => names.has(name));
  return {
    path: found === undefined ? undefined : join(context, found),
    foreign: foreign.find((name) => names.has(name)),
  };
}

/**
 * Reads a build description: a module whose default export is one (or a function that returns
 * one), else YAML. `shown` is how messages call the file. Throws ConfigError, or UsageError when the
 * file cannot be read or is another tool's.
 */
export async function loadConfig(path: string, shown: string = path): Promise<BuildSpec> {
  await refuseSpecial(path, shown);
  const kind = extname(path);
  if (/^\.[cm]?[jt]s$/.test(kind)) return await loadModule(path, shown);
  if (/^(?:dockerfile|containerfile)|\.(?:dockerfile|containerfile)$|^jib\.ya?ml$/i.test(basename(path)))
    throw new UsageError(`Cannot read "${shown}": this version reads YAML and modules as build descriptions only`, {
      hint: "Run `lading init` to start a lading.yaml, or name files with --add SRC:DEST",
    });

  return await parseYamlConfig(await readText(path, shown), shown);
}

/** The text of a file that a person wrote. Throws ConfigError, or UsageError when it cannot be read. */
export async function readConfigText(path: string, shown: string = path): Promise<string> {
  await refuseSpecial(path, shown);
  return await readText(path, shown);
}

async function readText(path: string, shown: string): Promise<string> {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(await readFile(path));
  } catch (error) {
    if (error instanceof TypeError)
      throw new ConfigError([{ message: `Cannot read "${shown}": it is not UTF-8 text` }]);
    throw new UsageError(`Cannot read "${shown}"`, { cause: error });
  }
}

/** Why a folder gives nothing to build. */
export function nothingToBuild(context: string, found: FoundConfig): UsageError {
  if (found.foreign !== undefined)
    return new UsageError(
      `Cannot build from ${found.foreign}: this version reads lading.yaml and lading.config.ts only`,
      {
        hint: "Run `lading init` to start a lading.yaml, or name files with --add SRC:DEST",
      },
    );
  return new UsageError(`Cannot find a build description in "${context}": expected one of ${configNames.join(", ")}`, {
    hint: "Run `lading init` to start one, or name files with --add SRC:DEST",
  });
}

const maxSize = 4 * 1024 * 1024;

// Opening a FIFO that nobody writes to blocks for ever, out of reach of Ctrl-C. What the shell hands
// over as an open descriptor, as in `-f <(command)`, is fine.
async function refuseSpecial(path: string, shown: string): Promise<void> {
  if (/^\/(?:dev|proc\/self)\/fd\/\d+$|^\/dev\/stdin$/.test(path)) return;
  const found = await stat(path).catch((error: unknown) => {
    throw new UsageError(`Cannot read "${shown}"`, { cause: error });
  });
  if (!found.isFile()) throw new UsageError(`Cannot read "${shown}": it is not a regular file`);
  if (found.size > maxSize)
    throw new UsageError(
      `Cannot read "${shown}": ${found.size} bytes are more than ${maxSize}, too many for a description`,
    );
}

async function loadModule(path: string, shown: string): Promise<BuildSpec> {
  let exported: unknown;
  try {
    exported = await orStuck(importDefault(path));
  } catch (error) {
    throw new ConfigError(
      [{ message: `Cannot run "${shown}": ${error instanceof Error ? error.message : String(error)}` }],
      {
        cause: error,
      },
    );
  }
  if (exported === undefined)
    throw new ConfigError([
      {
        message: `Cannot read "${shown}": it has no default export`,
        hint: "Write `export default defineConfig({ … })`",
      },
    ]);
  try {
    return await parseConfigValue(exported, shown);
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
