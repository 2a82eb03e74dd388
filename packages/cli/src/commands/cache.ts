import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { cacheFolder } from "../cache-folder.ts";
import type { Command } from "../program.ts";
import { formatCount, formatSize } from "../quantity.ts";
import { table } from "../terminal.ts";
import { UsageError } from "../usage.ts";

// What Lading makes in its cache, in the words shown; nothing else there is ever touched.
const parts = new Map([
  ["blobs", "layers and images"],
  ["layers", "what layers were packed from"],
  ["bases", "contents of base images"],
  ["outputs", "what was written where"],
  ["code", "compiled code of the command"],
  ["tmp", "unfinished work"],
]);
const day = 24 * 60 * 60 * 1000;

export const command: Command = {
  positionals: {
    action: { type: "string", default: "ls", choices: ["ls", "prune", "clear", "dir"], describe: "what to do" },
  },
  options: {
    "cache-dir": { type: "string", requiresArg: true, describe: "folder of the cache" },
    "older-than": {
      type: "string",
      requiresArg: true,
      default: "30d",
      describe: "for prune: what was not used for so long (30d, 12h)",
    },
  },
  examples: [["cache prune --older-than 7d", "forget what a week of builds did not use"]],
  run: async ({ flags, signal }) => {
    const folder = cacheFolder(flags.text("cache-dir"));
    switch (flags.required("action")) {
      case "dir":
        process.stdout.write(flags.on("json") ? `${JSON.stringify({ dir: folder })}\n` : `${folder}\n`);
        break;
      case "ls":
        await list(folder, flags.on("json"));
        break;
      default: {
        const age = flags.text("action") === "clear" ? 0 : parseAge(flags.required("older-than"));
        const freed = await remove(folder, age, signal);
        process.stdout.write(
          flags.on("json")
            ? `${JSON.stringify(freed)}\n`
            : `Freed ${formatSize(freed.bytes)} in ${formatCount(freed.files, "file")}\n`,
        );
      }
    }
  },
};

async function list(folder: string, json: boolean): Promise<void> {
  const rows: { readonly part: string; readonly files: number; readonly bytes: number }[] = [];
  for (const part of parts.keys()) {
    const files = await filesOf(join(folder, part));
    rows.push({ part, files: files.length, bytes: files.reduce((sum, file) => sum + file.size, 0) });
  }
  const total = {
    files: rows.reduce((sum, row) => sum + row.files, 0),
    bytes: rows.reduce((sum, row) => sum + row.bytes, 0),
  };
  if (json) {
    process.stdout.write(`${JSON.stringify({ dir: folder, parts: rows, total })}\n`);
    return;
  }
  const shown = rows
    .filter((row) => row.files > 0)
    .map((row) => [`  ${row.part}`, formatSize(row.bytes), formatCount(row.files, "file"), parts.get(row.part) ?? ""]);
  const lines = [
    folder,
    ...table([...shown, ["  total", formatSize(total.bytes), formatCount(total.files, "file"), ""]], [1, 2]),
  ];
  process.stdout.write(`${lines.join("\n")}\n`);
}

// A build that misses a file packs it again, so files may go at any time and one by one.
async function remove(folder: string, age: number, signal: AbortSignal): Promise<{ files: number; bytes: number }> {
  const before = Date.now() - age;
  const freed = { files: 0, bytes: 0 };
  for (const part of parts.keys())
    for (const file of await filesOf(join(folder, part))) {
      signal.throwIfAborted();
      // Unfinished work of a build that may be running is only taken when it is a day old.
      const limit = part === "tmp" ? Math.min(before, Date.now() - day) : before;
      if (file.usedMs > limit) continue;
      await rm(file.path, { force: true });
      freed.files += 1;
      freed.bytes += file.size;
    }
  return freed;
}

interface CacheFile {
  readonly path: string;
  readonly size: number;
  readonly usedMs: number;
}

async function filesOf(folder: string): Promise<CacheFile[]> {
  let names: string[];
  try {
    names = await readdir(folder, { recursive: true });
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
  const files: CacheFile[] = [];
  for (const name of names) {
    const path = join(folder, name);
    const info = await stat(path).catch(() => undefined);
    // relatime moves atime at most once a day, which is fine for ages of days.
    if (info?.isFile() === true) files.push({ path, size: info.size, usedMs: Math.max(info.mtimeMs, info.atimeMs) });
  }
  return files;
}

function parseAge(text: string): number {
  const match = /^(\d+)([dhm])$/.exec(text);
  if (match === null)
    throw new UsageError(`Cannot read --older-than "${text}": expected a number and d, h or m, as in 30d`);
  const unit = match[2] === "d" ? day : match[2] === "h" ? 60 * 60 * 1000 : 60 * 1000;
  return Number(match[1]) * unit;
}
