import { build, BuildError, type BuildRequest, type BuildSpec } from "@lading/builder";
import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import type { Options } from "yargs";
import { cacheFolder } from "../cache-folder.ts";
import { findConfig, loadConfig, nothingToBuild } from "../config/config-file.ts";
import {
  checkDestination,
  defaultDestination,
  type Destination,
  parseDestination,
  writeImageTo,
  type Written,
} from "../destination.ts";
import { explainLayers } from "../progress/explain-layers.ts";
import type { Flags } from "../flags.ts";
import { imageNames } from "../config/image-names.ts";
import { locateBase } from "../locate.ts";
import { type Metadata, metadataOf } from "../show/metadata.ts";
import type { Command } from "../program.ts";
import { createProgress } from "../progress/progress.ts";
import { sourceDateEpoch } from "../config/source-date.ts";
import { mergeSpecs, specFromFlags, specOptions } from "../config/spec-flags.ts";
import { summary } from "../progress/summary.ts";
import { styleFor } from "../progress/terminal.ts";
import { UsageError } from "../usage.ts";
import { writeWholeFile } from "../whole-file.ts";

const output = "What comes out:";
const work = "How it is built:";
const file = (describe: string): Options => ({ describe, type: "string", requiresArg: true, group: output });
const toggle = (describe: string, group: string): Options => ({ describe, type: "boolean", group });

export const command: Command = {
  positionals: { context: { type: "string", default: ".", describe: "folder that sources are relative to" } },
  options: {
    file: { ...file("build description; default: lading.yaml, lading.config.ts… in CONTEXT"), alias: "f", group: work },
    tag: { ...file("name of the image, or a bare tag of the description's name"), alias: "t", array: true },
    output: { ...file("oci:DIR, oci-archive:FILE or docker-archive:FILE"), alias: "o", array: true },
    "metadata-file": file("write what was built as JSON"),
    iidfile: file("write the image ID; with several platforms, the index's digest"),
    "digest-file": file("write the digest"),
    ...specOptions,
    "dry-run": toggle("print what would be built, and write nothing", work),
    explain: toggle("say of each layer why it was packed, or not", work),
    offline: toggle("never use the network (this version never does)", work),
    "no-cache": toggle("pack every layer again", work),
    "cache-dir": { ...file("folder for layers; default: LADING_CACHE_DIR, else $XDG_CACHE_HOME/lading"), group: work },
  },
  examples: [
    ["build", "build what ./lading.yaml describes"],
    ["build --add dist:/srv --platform linux/amd64,linux/arm64 -t acme/site:1", "without a description"],
    ["build -o oci:layout -o docker-archive:app.tar", "to two places"],
  ],
  run: async ({ flags, signal }) => {
    const context = flags.required("context");
    const spec = await describe(flags, context);
    const names = imageNames(spec, flags.list("tag"));
    const given = flags.list("output").length > 0 ? flags.list("output") : (spec.outputs ?? []);
    const destinations =
      given.length > 0 ? await Promise.all(given.map(parseDestination)) : [defaultDestination(names, resolve(context))];
    const reports = reportFlags.flatMap((flag) => flags.text(flag) ?? []);
    await checkDistinct(destinations, reports);
    await Promise.all(destinations.map(checkDestination));
    const request = {
      spec,
      context: resolve(context),
      outputs: [...destinations.filter(({ stdout }) => !stdout).map(({ place }) => place.path), ...reports].map(
        (path) => resolve(path),
      ),
      cacheDir: cacheFolder(flags.text("cache-dir")),
      locate: locateBase,
      sourceDateEpoch: sourceDateEpoch(),
      noCache: flags.on("no-cache"),
      signal,
    };
    await (flags.on("dry-run") ? plan(flags, request, names, destinations) : make(flags, request, names, destinations));
  },
};

const reportFlags = ["metadata-file", "iidfile", "digest-file"] as const;

/** One file cannot hold two things: the second would take the place of the first. */
async function checkDistinct(destinations: readonly Destination[], reports: readonly string[]): Promise<void> {
  const files = destinations.filter(({ place, stdout }) => !stdout && place.transport !== "oci");
  const taken = new Map<string, string>();
  for (const { path, shown } of [
    ...files.map(({ place, shown }) => ({ path: place.path, shown })),
    ...reports.map((path) => ({ path, shown: path })),
  ]) {
    const other = taken.get(resolve(path));
    if (other !== undefined && !/^\/(?:dev|proc)\//.test(resolve(path)))
      throw new UsageError(`Cannot write both "${other}" and "${shown}": they are one file`);
    taken.set(resolve(path), shown);
  }
  for (const path of reports)
    if ((await stat(path).catch(() => undefined))?.isDirectory() === true)
      throw new UsageError(`Cannot write "${path}": it is a folder`);
}

async function describe(flags: Flags, context: string): Promise<BuildSpec> {
  const fromFlags = await specFromFlags(flags);
  const named = flags.text("file");
  if (named !== undefined) return mergeSpecs(await loadConfig(resolve(named), named), fromFlags);
  const found = await findConfig(context);
  if (found.path !== undefined) return mergeSpecs(await loadConfig(resolve(found.path), found.path), fromFlags);
  if (fromFlags.layers === undefined && fromFlags.from === undefined) throw nothingToBuild(context, found);
  return fromFlags;
}

async function make(
  flags: Flags,
  request: BuildRequest,
  names: readonly string[],
  destinations: readonly Destination[],
): Promise<void> {
  const begun = performance.now();
  const progress = createProgress(flags.text("progress"), {
    quiet: flags.on("quiet"),
    several: (request.spec.platforms?.length ?? 0) > 1,
  });
  const written: Written[] = [];
  let metadata: Metadata;
  let text = "";
  try {
    const result = await build({ ...request, onEvent: (event) => progress.event(event) });
    for (const destination of destinations)
      written.push(
        await writeImageTo(destination, result, names, {
          signal: request.signal,
          cacheDir: request.cacheDir,
          onEvent: (event) => progress.event(event),
        }),
      );
    metadata = metadataOf(result, names, written, performance.now() - begun);
    await writeReports(flags, metadata);
    if (!flags.on("quiet")) {
      const style = styleFor(process.stderr);
      if (flags.on("explain")) text += explainLayers(result, style);
      text += summary(result, names, written, performance.now() - begun, style, progress.lasting);
    }
  } finally {
    progress.end();
  }
  process.stderr.write(text);
  // The archive is the result then; a digest after it would damage it.
  if (destinations.some((destination) => destination.stdout)) return;
  process.stdout.write(flags.on("json") ? `${JSON.stringify(metadata, undefined, 2)}\n` : `${metadata.imageDigest}\n`);
}

async function writeReports(flags: Flags, metadata: Metadata): Promise<void> {
  const reports = [
    [flags.text("metadata-file"), `${JSON.stringify(metadata, undefined, 2)}\n`],
    [flags.text("iidfile"), metadata.images.length > 1 ? metadata.imageDigest : metadata.imageId],
    [flags.text("digest-file"), metadata.imageDigest],
  ] as const;
  for (const [path, content] of reports)
    if (path !== undefined)
      await writeWholeFile(path, content).catch((cause: unknown) => {
        throw new BuildError("OUTPUT", `Cannot write "${path}"`, { cause });
      });
}

async function plan(
  flags: Flags,
  request: BuildRequest,
  names: readonly string[],
  destinations: readonly Destination[],
): Promise<void> {
  const { showPlan } = await import("../show/show-plan.ts");
  await showPlan(
    request,
    names,
    destinations.map(({ shown }) => shown),
    flags.on("json"),
  );
}
