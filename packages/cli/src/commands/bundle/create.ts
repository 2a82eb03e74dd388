import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { collectBundle, contentsOf, formatContents, readContents } from "@lading/bundle";
import { OciArchiveSink } from "@lading/oci";
import { createBundle } from "../../bundle/create-bundle.ts";
import { findImages, parseWanted, type WantedImage } from "../../bundle/images-to-bundle.ts";
import { mergeWanted, readImageList, readWorkloads } from "../../bundle/read-wanted.ts";
import { tellCreated, tellPlan } from "../../bundle/tell-created.ts";
import { platformChoice } from "../../choose-platforms.ts";
import type { Flags } from "../../flags.ts";
import type { Command } from "../../program.ts";
import { parseSize } from "../../quantity-flags.ts";
import { Registries } from "../../registries.ts";
import { registryOptions, warn } from "../../registry-flags.ts";
import { UsageError } from "../../usage.ts";
import { writeWholeFile } from "../../whole-file.ts";

export const command: Command = {
  positionals: {
    places: { type: "string", array: true, describe: "images, or PLACE=NAME for what has no full name there" },
  },
  options: {
    output: { type: "string", alias: "o", requiresArg: true, describe: "the file to write" },
    images: { type: "string", requiresArg: true, describe: "a file with more of them, one a line; - is stdin" },
    "images-from": {
      type: "string",
      array: true,
      requiresArg: true,
      describe: "what the containers in this file or folder of Kubernetes or compose YAML are of",
    },
    platform: {
      type: "string",
      array: true,
      requiresArg: true,
      describe: "of images for several, those for this platform alone; default: all",
    },
    since: {
      type: "string",
      requiresArg: true,
      describe: "leave out what this bundle, or the list of one, has already",
    },
    list: { type: "string", requiresArg: true, describe: "write what the other side will have, for the next --since" },
    split: { type: "string", requiresArg: true, describe: "write parts of this size (4GB): FILE.000, FILE.001…" },
    "dry-run": { type: "boolean", describe: "print what would be in it, and who wants it" },
    "no-referrers": { type: "boolean", describe: "leave signatures, SBOMs and attestations behind" },
    ...registryOptions,
  },
  examples: [
    ["bundle create ghcr.io/acme/app:1 postgres:17 -o site.tar", "two images, all platforms, with their signatures"],
    ["bundle create ghcr.io/acme/app:2 -o monday.tar --since site.tar", "only what is new"],
    ["bundle create --images-from deploy/ -o site.tar --split 4GB", "all that a cluster runs, for small media"],
  ],
  run: async ({ flags, signal }) => {
    const output = flags.text("output");
    const plans = flags.on("dry-run");
    if (output === undefined && !plans)
      throw new UsageError("Cannot create a bundle without --output FILE", { hint: "As in -o site.tar" });
    if (output === "-") throw new UsageError('Cannot create a bundle at "-": it is written to a file');
    const wanted = await wantedImages(flags);
    const split = flags.text("split");
    const partSize = split === undefined ? undefined : parseSize("split", split);
    if (partSize !== undefined && partSize < smallestPart)
      throw new UsageError(`Cannot use --split ${split}: parts have 1 MB or more`);
    // What can be said before a registry is asked is said before.
    if (output !== undefined) await (await OciArchiveSink.create(output))[Symbol.asyncDispose]();

    const since = flags.text("since");
    if (since !== undefined && output !== undefined && isSameBundle(since, output))
      throw new UsageError(`Cannot write a delta to ${output}: it builds on the bundle that is there`);
    const base = since === undefined ? undefined : await readContents(since, { signal });
    const places = wanted.map(({ place }) => place);
    await using registries = Registries.from(flags, places);
    const choice = platformChoice(flags.list("platform"), false, "all");
    const images = await findImages(wanted, choice, registries, { signal });
    const collection = await collectBundle(images, { since: base, referrers: !flags.on("no-referrers"), signal });
    if (plans || output === undefined) return tellPlan(flags, images, collection);

    const written = await createBundle(flags, { collection, output, partSize, registries, signal });
    const list = flags.text("list");
    if (list !== undefined) await writeWholeFile(list, formatContents(contentsOf(collection, written.digest)));
    tellCreated(flags, output, images, collection, written);
  },
};

/** Whether one is the other, or a part of it. */
function isSameBundle(since: string, output: string): boolean {
  const [, whole = since] = /^(.*)\.(?:parts\.json|\d{3,4})$/.exec(since) ?? [];
  return (
    resolve(since) === resolve(output) || (resolve(whole) === resolve(output) && existsSync(`${output}.parts.json`))
  );
}

// A floppy held more.
const smallestPart = 1e6;

async function wantedImages(flags: Flags): Promise<readonly WantedImage[]> {
  const list = flags.text("images");
  const wanted = [
    ...flags.list("places").map((text) => parseWanted(text)),
    ...(list === undefined ? [] : await readImageList(list)),
  ];
  for (const path of flags.list("images-from")) {
    const { images, notes } = await readWorkloads(path);
    wanted.push(...images);
    for (const note of notes) warn(note);
  }
  if (wanted.length === 0)
    throw new UsageError("Cannot create a bundle of nothing: no image was named", {
      hint: "Name images, a list of them with --images, or files of workloads with --images-from",
    });
  return mergeWanted(wanted);
}
