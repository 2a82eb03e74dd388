import { LayerCache } from "@lading/builder";
import { stepBases } from "@lading/runner";
import { isUnprivileged, runInNamespace } from "../build/namespace-root.ts";
import { cacheFolder } from "../cache-folder.ts";
import type { Command } from "../program.ts";
import { formatCount, formatSize } from "../progress/quantity.ts";
import { table } from "../progress/terminal.ts";
import { parseQuantity, parseSize } from "../quantity-flags.ts";

export const command: Command = {
  positionals: {
    action: { type: "string", default: "ls", choices: ["ls", "prune", "clear", "dir"], describe: "what to do" },
  },
  options: {
    "cache-dir": { type: "string", requiresArg: true, describe: "folder of the cache" },
    "older-than": {
      type: "string",
      requiresArg: true,
      describe: "for prune: what was not used for so long (30d, 12h); default: 30d, without --max-size",
    },
    "max-size": {
      type: "string",
      requiresArg: true,
      describe: "for prune: what was not used for longest, until so much is left (5GB)",
    },
  },
  examples: [
    ["cache prune --older-than 7d", "forget what a week of builds did not use"],
    ["cache prune --max-size 2GB", "keep what was used last"],
  ],
  run: async ({ flags, interruption }) => {
    const folder = cacheFolder(flags.text("cache-dir"));
    const print = (document: object, text: string): void => {
      process.stdout.write(flags.on("json") ? `${JSON.stringify(document)}\n` : `${text}\n`);
    };
    const action = flags.required("action");
    if (action === "dir") return print({ dir: folder }, folder);

    const cache = await LayerCache.open(folder);
    const bases = stepBases();
    if (action === "ls") {
      const stats = cache.stats();
      const baseBytes = bases.reduce((total, base) => total + base.bytes, 0);
      const rows = [
        ["  layers", formatSize(stats.bytes), formatCount(stats.blobs, "file")],
        ["  known builds of layers", "", formatCount(stats.records, "record")],
        ["  kept by RUN --mount=type=cache", formatSize(stats.mountBytes), formatCount(stats.mounts, "folder")],
        ["  unpacked for RUN", formatSize(baseBytes), formatCount(bases.length, "folder")],
        ["  unfinished", formatSize(stats.temporaryBytes), ""],
      ];
      return print(
        { dir: folder, ...stats, baseFolders: bases.length, baseBytes },
        [folder, ...table(rows, [1, 2])].join("\n"),
      );
    }
    // Files of programs belong to ids that only root has, of the machine or of a namespace.
    if (isUnprivileged() && (bases.length > 0 || cache.stats().mounts > 0))
      return await runInNamespace(flags, interruption);

    const size = flags.text("max-size");
    const age = flags.text("older-than") ?? (size === undefined ? "30d" : undefined);
    const freed =
      action === "clear"
        ? await cache.clear({ others: bases })
        : await cache.prune({
            others: bases,
            maxAgeMs: age === undefined ? undefined : parseAge(age),
            maxBytes: size === undefined ? undefined : parseSize("max-size", size),
          });
    print(freed, `freed ${formatSize(freed.bytes)} in ${formatCount(freed.removed, "item")}`);
  },
};

const ages: Readonly<Record<string, number>> = { d: 86_400_000, h: 3_600_000, m: 60_000 };

function parseAge(text: string): number {
  return parseQuantity("older-than", text, ages, "a number and d, h or m, as in 30d");
}
