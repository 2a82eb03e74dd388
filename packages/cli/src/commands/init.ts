import { readdir, readFile, writeFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { configNames } from "../config/config-file.ts";
import type { Command } from "../program.ts";
import { describeFolder } from "../config/starter.ts";
import { UsageError } from "../usage.ts";

export const command: Command = {
  positionals: { folder: { type: "string", default: ".", describe: "folder to describe" } },
  options: { name: { type: "string", alias: "n", requiresArg: true, describe: "what the image is called" } },
  examples: [["init", "look at this folder and write lading.yaml"]],
  run: async ({ flags }) => {
    const folder = flags.required("folder");
    const path = join(folder, "lading.yaml");
    const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
      throw new UsageError(`Cannot read folder "${folder}"`, { cause: error });
    });
    const there = configNames.find((name) => entries.some((entry) => entry.name === name));
    if (there !== undefined)
      throw new UsageError(`Cannot write "${path}": the folder has a ${there} already`, {
        hint: `Edit ${join(folder, there)}, or remove it first`,
      });

    const { kind, text } = describeFolder({
      name: flags.text("name") ?? basename(resolve(folder)),
      folders: entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name),
      files: entries.filter((entry) => entry.isFile()).map((entry) => entry.name),
      packageJson: await readFile(join(folder, "package.json"), "utf8").catch(() => undefined),
    });
    // "wx": a file that appeared meanwhile is not overwritten.
    await writeFile(path, text, { flag: "wx" });
    process.stdout.write(flags.on("json") ? `${JSON.stringify({ path, kind })}\n` : `${path}\n`);
    if (!flags.on("quiet") && !flags.on("json"))
      process.stderr.write(
        `Described as ${kind}. Look it over, then run: lading build${folder === "." ? "" : ` ${folder}`}\n`,
      );
  },
};
