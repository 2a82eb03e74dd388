import { access } from "node:fs/promises";
import { basename, dirname, join, relative, resolve } from "node:path";
import { type BuildRequest, checkBuild } from "@lading/builder";
import { describeByFlags } from "../build/describe-by-flags.ts";
import { appRootOf } from "../config/app-root-flag.ts";
import { cacheFolder } from "../cache-folder.ts";
import { configNames, standardInput } from "../config/config-file.ts";
import type { DescriptionFile } from "../config/description-file.ts";
import { imageNames } from "../config/image-names.ts";
import { specOptions } from "../config/spec-flags.ts";
import { describeFolder } from "../config/starter.ts";
import { formatDescription } from "../config/write-yaml.ts";
import { writtenDown } from "../config/written-down.ts";
import { type Description, placesOf } from "../front-ends/front-end.ts";
import { frontEndOptions } from "../front-ends/front-ends.ts";
import { parsePlaceArgument } from "../locate.ts";
import type { Command } from "../program.ts";
import { warn } from "../registry-flags.ts";
import { UsageError } from "../usage.ts";
import { writeWholeFile } from "../whole-file.ts";

// Secrets and agents are of those who build, and in no file.
const { secret: _, ssh: __, ...describing } = frontEndOptions;

export const command: Command = {
  positionals: {
    context: { type: "string", default: ".", describe: "folder to describe, or a jar, a war or a program" },
  },
  options: {
    file: { type: "string", alias: "f", requiresArg: true, describe: "what to describe; default: as for `build`" },
    name: {
      type: "string",
      alias: ["n", "tag", "t"],
      requiresArg: true,
      array: true,
      describe: "what the image is called; default: as the project or its folder",
    },
    force: { type: "boolean", describe: "write over a lading.yaml that is there" },
    ...specOptions,
    ...describing,
  },
  examples: [
    ["init", "write down as lading.yaml what `lading build` makes of this folder"],
    ["init site --from nginx:alpine", "of a static site, with its base"],
    ["init target/app.jar --jvm-flags=-Xmx256m -t acme/app:1", "of a jar, with flags that `build` takes too"],
    ["init --target app --build-arg VERSION=1", "of a Dockerfile, with what it is built with"],
  ],
  run: async ({ flags, signal }) => {
    if (flags.text("file") === standardInput)
      throw new UsageError("Cannot describe what comes on standard input: a lading.yaml names its Dockerfile", {
        hint: "Write it into a file, and name that with --file",
      });
    const context = flags.required("context");
    const described = await describeByFlags(flags, {
      own: false,
      around: process.cwd(),
      otherwise: async (folder) => await describeFolder(folder, flags.text("from"), appRootOf(flags)),
      signal,
    });
    if (described.ownFile !== undefined)
      throw new UsageError(`Cannot describe "${flags.text("file") ?? context}": it is a description of Lading's own`);
    const { path, command: next } = placeFor(context, described.context, described.files?.[0]);
    const there = await descriptionThere(path);
    if (there !== undefined && !flags.on("force"))
      throw new UsageError(`Cannot write "${path}": there is a ${basename(there)} already`, {
        hint: `Edit ${there}, or have it written anew with --force`,
      });
    const kind = described.kind ?? "what flags say";
    const comment = [`Written from ${kind} by \`lading init\`.`, described.advice].join("\n").trim();
    const description = writtenDown(described, flags.list("name"));
    await checkDescribed(described, description, { outputs: [resolve(path)], signal });
    if (!flags.on("quiet")) for (const message of described.warnings ?? []) warn(message);
    const text = formatDescription(description, comment);
    await writeWholeFile(path, text).catch((cause: unknown) => {
      throw new UsageError(`Cannot write "${path}"`, { cause });
    });
    process.stdout.write(flags.on("json") ? `${JSON.stringify({ path, kind })}\n` : `${path}\n`);
    if (!flags.on("quiet") && !flags.on("json"))
      process.stderr.write(`Written from ${kind}. Look it over, then run: ${next}\n`);
  },
};

/**
 * Refuses what a first build would refuse of it, as far as that needs no base: afterwards only the file that is written would
 * be told to be wrong. Throws UsageError, ConfigError, BuildError.
 */
async function checkDescribed(
  described: Description,
  description: DescriptionFile,
  options: Pick<BuildRequest, "outputs" | "signal">,
): Promise<void> {
  const { spec, dockerfile, context } = described;
  imageNames(description, []);
  await checkBuild({ spec, dockerfile, context, cacheDir: cacheFolder(), ...options });
  for (const place of placesOf(described)) parsePlaceArgument(place);
}

/** Sources are relative to the context: for a package of a workspace that is the workspace's root. */
function placeFor(
  given: string,
  context: string,
  file: string | undefined,
): { readonly path: string; readonly command: string } {
  const shown = relative(process.cwd(), context) || ".";
  const isFile = file === resolve(given);
  if (isFile || resolve(given) === context)
    return { path: join(shown, "lading.yaml"), command: `lading build${shown === "." ? "" : ` ${shown}`}` };
  const path = join(shown, `lading.${basename(resolve(given))}.yaml`);
  return { path, command: `lading build${shown === "." ? "" : ` ${shown}`} -f ${path}` };
}

/** The description that is there where one is to be written, under whatever name it would be found. */
async function descriptionThere(path: string): Promise<string | undefined> {
  const names = configNames.includes(basename(path)) ? configNames : [basename(path)];
  for (const name of names) {
    const candidate = join(dirname(path), name);
    if (
      await access(candidate).then(
        () => true,
        () => false,
      )
    )
      return candidate;
  }
  return undefined;
}
