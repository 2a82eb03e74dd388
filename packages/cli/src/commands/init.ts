import { readdir, writeFile } from "node:fs/promises";
import { basename, join, relative, resolve } from "node:path";
import type { BuildSpec } from "@lading/builder";
import { configNames } from "../config/config-file.ts";
import { describeFolder } from "../config/starter.ts";
import { formatDescription } from "../config/write-yaml.ts";
import { describeProject } from "../front-ends/describe-build.ts";
import type { Description } from "../front-ends/front-end.ts";
import type { Command } from "../program.ts";
import { UsageError } from "../usage.ts";

export const command: Command = {
  positionals: { folder: { type: "string", default: ".", describe: "folder to describe" } },
  options: { name: { type: "string", alias: "n", requiresArg: true, describe: "what the image is called" } },
  examples: [["init", "look at this folder and write lading.yaml"]],
  run: async ({ flags, signal }) => {
    const folder = flags.required("folder");
    const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
      throw new UsageError(`Cannot read folder "${folder}"`, { cause: error });
    });
    const there = configNames.find((name) => entries.some((entry) => entry.name === name));
    if (there !== undefined)
      throw new UsageError(`Cannot write "${join(folder, "lading.yaml")}": the folder has a ${there} already`, {
        hint: `Edit ${join(folder, there)}, or remove it first`,
      });

    const name = flags.text("name");
    const project = await describeProject({ context: folder, signal });
    const described: Description & { readonly kind: string; readonly advice?: string } = project ?? {
      ...describeFolder({
        name: basename(resolve(folder)),
        folders: entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name),
        files: entries.filter((entry) => entry.isFile()).map((entry) => entry.name),
      }),
      context: resolve(folder),
    };
    const { path, command: next } = placeFor(folder, described.context);
    const spec: BuildSpec = name === undefined ? described.spec : Object.assign({ name }, described.spec, { name });
    const comment = [`Described as ${described.kind} by \`lading init\`.`, described.advice].join("\n").trim();
    // "wx": a file that appeared meanwhile is not overwritten.
    await writeFile(path, formatDescription(spec, comment), { flag: "wx" }).catch((cause: unknown) => {
      throw new UsageError(`Cannot write "${path}"`, { cause });
    });
    process.stdout.write(flags.on("json") ? `${JSON.stringify({ path, kind: described.kind })}\n` : `${path}\n`);
    if (!flags.on("quiet") && !flags.on("json"))
      process.stderr.write(`Described as ${described.kind}. Look it over, then run: ${next}\n`);
  },
};

/** Sources are relative to the context: for a package of a workspace that is the workspace's root. */
function placeFor(folder: string, context: string): { readonly path: string; readonly command: string } {
  if (resolve(folder) === context)
    return { path: join(folder, "lading.yaml"), command: `lading build${folder === "." ? "" : ` ${folder}`}` };
  const root = relative(process.cwd(), context) || ".";
  const path = join(root, `lading.${basename(resolve(folder))}.yaml`);
  return { path, command: `lading build ${root} -f ${path}` };
}
