import { build, BuildError, type BuildRequest, type BuildResult, type BuildSpec } from "@lading/builder";
import { type Descriptor, Limiter } from "@lading/oci";
import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import type { Options } from "yargs";
import { cacheFolder } from "../cache-folder.ts";
import { findConfig, loadConfig, nothingToBuild } from "../config/config-file.ts";
import {
  checkDestination,
  defaultDestination,
  type Destination,
  destinationsOf,
  parseDestination,
} from "../destination.ts";
import { writeImageToAll } from "../write-image.ts";
import { explainLayers } from "../progress/explain-layers.ts";
import type { Flags } from "../flags.ts";
import { imageNames } from "../config/image-names.ts";
import { BaseCache } from "../base-cache.ts";
import { isRemote, locateBase } from "../locate.ts";
import { type Metadata, metadataOf } from "../show/metadata.ts";
import type { Command } from "../program.ts";
import { createProgress, type Progress } from "../progress/progress.ts";
import { Registries } from "../registries.ts";
import { registryOptions } from "../registry-flags.ts";
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
    output: { ...file("oci:DIR, oci-archive:FILE, docker-archive:FILE or a reference"), alias: "o", array: true },
    push: toggle("send it to the registries of its names", output),
    "metadata-file": file("write what was built as JSON"),
    iidfile: file("write the image ID; with several platforms, the index's digest"),
    "digest-file": file("write the digest"),
    ...specOptions,
    "dry-run": toggle("print what would be built, and write nothing", work),
    explain: toggle("say of each layer why it was packed, or not", work),
    offline: toggle("use what the cache has of bases, and no registry", work),
    "no-cache": toggle("pack every layer again", work),
    "cache-dir": { ...file("folder for layers; default: LADING_CACHE_DIR, else $XDG_CACHE_HOME/lading"), group: work },
    ...registryOptions,
  },
  examples: [
    ["build", "build what ./lading.yaml describes"],
    ["build --add dist:/srv --platform linux/amd64,linux/arm64 -t acme/site:1", "without a description"],
    ["build --from node:24-slim --add dist:/app -t ghcr.io/acme/app:1 --push", "on a base, to a registry"],
    ["build -o oci:layout -o docker-archive:app.tar", "to two places"],
  ],
  run: async ({ flags, signal }) => {
    const context = flags.required("context");
    const spec = await describe(flags, context);
    const names = imageNames(spec, flags.list("tag"));
    const destinations = await chooseDestinations(flags, spec, names, context);
    const reports = reportFlags.flatMap((flag) => flags.text(flag) ?? []);
    await checkDistinct(destinations, reports);
    await Promise.all(destinations.map(checkDestination));
    await using registries = flags.on("offline")
      ? Registries.none()
      : Registries.from(flags, [...(spec.from === undefined ? [] : [spec.from]), ...names]);
    const several = (spec.platforms?.length ?? 0) > 1;
    const progress = createProgress(flags.text("progress"), { quiet: flags.on("quiet"), several });
    registries.onEvent = (event) => progress.event(event);
    const cacheDir = cacheFolder(flags.text("cache-dir"));
    const access = {
      registries,
      cache: async () =>
        await BaseCache.open(cacheDir, {
          offline: flags.on("offline"),
          onEvent: (event) => progress.event(event),
        }),
    };
    const request: BuildRequest = {
      spec,
      context: resolve(context),
      outputs: [...destinations.flatMap(pathOf), ...reports].map((path) => resolve(path)),
      cacheDir,
      locate: async (place, options) => await locateBase(place, access, options),
      sourceDateEpoch: sourceDateEpoch(),
      noCache: flags.on("no-cache"),
      signal,
    };
    if (flags.on("dry-run")) {
      try {
        await plan(flags, request, names, destinations);
      } finally {
        progress.end();
      }
    } else await make(flags, request, names, destinations, { registries, progress });
  },
};

/** Where the image goes: what flags say, else the description, else an archive in this folder. */
async function chooseDestinations(
  flags: Flags,
  spec: BuildSpec,
  names: readonly string[],
  context: string,
): Promise<readonly Destination[]> {
  const push = flags.on("push");
  if (push && names.length === 0)
    throw new UsageError("Cannot push an image without a name", {
      hint: "Name it with --tag ghcr.io/acme/app:1, or with `name` in the description",
    });
  const outputs = flags.list("output").length > 0 || push ? flags.list("output") : (spec.outputs ?? []);
  const given = [...(await Promise.all(outputs.map(parseDestination))), ...(push ? destinationsOf(names) : [])];
  const chosen = given.length > 0 ? given : [defaultDestination(names, resolve(context))];
  const remote = chosen.find(({ kind }) => kind === "registry");
  if (remote !== undefined && flags.on("offline"))
    throw new UsageError(`Cannot write to ${remote.shown} with --offline: it is in a registry`);
  return chosen;
}

/** The path that a destination takes in the file system. */
function pathOf(destination: Destination): readonly string[] {
  return destination.kind === "file" && !destination.stdout ? [destination.place.path] : [];
}

const reportFlags = ["metadata-file", "iidfile", "digest-file"] as const;

/** One file cannot hold two things: the second would take the place of the first. */
async function checkDistinct(destinations: readonly Destination[], reports: readonly string[]): Promise<void> {
  const files = destinations.filter((one) => one.kind === "file" && one.place.transport !== "oci");
  const taken = new Map<string, string>();
  for (const { path, shown } of [
    ...files.flatMap((one) => pathOf(one).map((path) => ({ path, shown: one.shown }))),
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
  { registries, progress }: { readonly registries: Registries; readonly progress: Progress },
): Promise<void> {
  const begun = performance.now();
  let metadata: Metadata;
  let text = "";
  try {
    const result = await build({ ...request, onEvent: (event) => progress.event(event) });
    await fetchBase(request, result, destinations);
    const written = await writeImageToAll(destinations, result, names, {
      signal: request.signal,
      cacheDir: request.cacheDir,
      registries,
      onEvent: (event) => progress.event(event),
    });
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

/** An archive takes one layer after the other: those of a registry are fetched into the cache before, a few at once. */
async function fetchBase(
  { spec, signal }: BuildRequest,
  { images, source }: BuildResult,
  destinations: readonly Destination[],
): Promise<void> {
  const archive = destinations.some((one) => one.kind === "file" && one.place.transport !== "oci");
  if (!archive || spec.from === undefined || spec.from === "scratch" || !isRemote(spec.from)) return;
  const layers = new Map<string, Descriptor>();
  for (const image of images)
    for (const { reuse, descriptor } of image.layers) if (reuse === "base") layers.set(descriptor.digest, descriptor);
  const limiter = new Limiter(4);
  await Promise.all(
    [...layers.values()].map((layer) =>
      limiter.run(async () => {
        signal?.throwIfAborted();
        // The first byte of a layer is there when all of it is.
        for await (const _ of source.blob(layer).open({ signal })) break;
      }),
    ),
  );
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
