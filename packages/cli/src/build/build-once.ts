import { build, BuildError, type BuildRequest, type BuildResult } from "@lading/builder";
import { type Descriptor, type Digest, Limiter } from "@lading/oci";
import { resolve } from "node:path";
import type { attestAsAsked } from "../attest/attest-as-asked.ts";
import { askedStatements } from "../attest/attest-flags.ts";
import { askedSignature } from "../attest/sign-flags.ts";
import { rememberBases, type UsedBase } from "../attest/used-bases.ts";
import { BaseCache } from "../base-cache.ts";
import { cacheFolder } from "../cache-folder.ts";
import { imageNames } from "../config/image-names.ts";
import { sourceDateEpoch } from "../config/source-date.ts";
import { checkDestination, type Destination } from "../destination.ts";
import { Downloads } from "../downloads.ts";
import type { Flags } from "../flags.ts";
import { isRemote, locateBase } from "../locate.ts";
import { locateLocked } from "../lock/locked-bases.ts";
import { fetchLocked } from "../lock/locked-files.ts";
import type { EnginePool } from "../engine-pool.ts";
import { explainLayers } from "../progress/explain-layers.ts";
import { createProgress, type Progress } from "../progress/progress.ts";
import { summary } from "../progress/summary.ts";
import { styleFor } from "../progress/terminal.ts";
import { Registries } from "../registries.ts";
import { admissionFrom } from "../trust/policy-flags.ts";
import { type Metadata, metadataOf } from "../show/metadata.ts";
import { writeWholeFile } from "../whole-file.ts";
import { writeImageToAll } from "../write-image.ts";
import { checkDistinct, chooseDestinations, pathOf, reportFlags } from "./build-destinations.ts";
import { type DescribeByFlagsOptions, describeByFlags } from "./describe-by-flags.ts";
import { stepsFor } from "./dockerfile-steps.ts";

/** A build that ended well. */
export interface Built {
  readonly request: BuildRequest;
  /** Undefined for a plan. */
  readonly digest: Digest | undefined;
}

export interface BuildOnceOptions extends Pick<DescribeByFlagsOptions, "onFile"> {
  /** Nothing is said of an image that still has this digest. */
  readonly last?: Digest | undefined;
  /** Default: its own. */
  readonly engines?: EnginePool | undefined;
}

/** What `lading build` does: from flags to the digest on stdout, or to the plan. */
export async function buildOnce(
  flags: Flags,
  signal: AbortSignal,
  { last, engines, onFile }: BuildOnceOptions = {},
): Promise<Built> {
  const started = new Date();
  const described = await describeByFlags(flags, { onFile, signal });
  const { spec, dockerfile, context, files = [], ownFile, note, warnings = [] } = described;
  if (note !== undefined && !flags.on("quiet")) process.stderr.write(`${note}\n`);
  const names = imageNames(spec, flags.list("tag"));
  const destinations = await chooseDestinations(flags, spec, names, context);
  const reports = reportFlags.flatMap((flag) => flags.text(flag) ?? []);
  await checkDistinct(destinations, reports);
  const asked = askedStatements(flags, destinations);
  const signature = await askedSignature(flags, destinations, signal);
  const opens = engines === undefined && destinations.some(({ kind }) => kind === "engine");
  await using own = opens ? new (await import("../engine-pool.ts")).EnginePool() : undefined;
  await Promise.all(destinations.map(async (one) => await checkDestination(one, engines ?? own)));
  await using registries = flags.on("offline")
    ? Registries.none()
    : Registries.from(flags, [...(spec.from === undefined ? [] : [spec.from]), ...names]);
  const several = (spec.platforms?.length ?? 0) > 1;
  const progress = createProgress(flags.text("progress"), { quiet: flags.on("quiet"), several });
  registries.onEvent = (event) => progress.event(event);
  registries.admission = admissionFrom(flags);
  for (const message of warnings) progress.event({ type: "warning", message });
  const cacheDir = cacheFolder(flags.text("cache-dir"));
  const access = {
    registries,
    cache: async () =>
      await BaseCache.open(cacheDir, {
        offline: flags.on("offline"),
        onEvent: (event) => progress.event(event),
      }),
  };
  // A plan runs nothing.
  await using steps = dockerfile === undefined || flags.on("dry-run") ? undefined : await stepsFor(dockerfile);
  const download = (): Downloads =>
    new Downloads({
      registries,
      cacheDir,
      noCache: flags.on("no-cache"),
      onEvent: (event) => progress.event(event),
    });
  const bases: UsedBase[] = [];
  const request: BuildRequest = {
    spec,
    dockerfile: dockerfile && {
      ...dockerfile,
      runner: steps,
      fetch: await fetchLocked(context, flags.on("locked"), download().fetch),
    },
    context,
    outputs: [...destinations.flatMap(pathOf), ...reports, ...(ownFile === undefined ? [] : [ownFile])].map((path) =>
      resolve(path),
    ),
    cacheDir,
    locate: rememberBases(
      await locateLocked(
        context,
        flags.on("locked"),
        async (place, options) => await locateBase(place, access, options),
      ),
      bases,
    ),
    sourceDateEpoch: sourceDateEpoch({ ...process.env, ...dockerfile?.buildArgs }),
    noCache: flags.on("no-cache"),
    signal,
  };
  if (!flags.on("dry-run"))
    return {
      request,
      digest: await make(flags, request, names, destinations, {
        registries,
        progress,
        last,
        warnings,
        engines: engines ?? own,
        attest:
          asked === undefined && signature === undefined
            ? undefined
            : async (result) => {
                const { attestAsAsked: attest } = await import("../attest/attest-as-asked.ts");
                const made = { flags, request, files, names, bases, started, registries };
                return await attest(result, asked ?? { sboms: [], provenance: false }, signature, made);
              },
      }),
    };
  try {
    await plan(flags, request, names, destinations, warnings);
  } finally {
    progress.end();
  }
  return { request, digest: undefined };
}

async function make(
  flags: Flags,
  request: BuildRequest,
  names: readonly string[],
  destinations: readonly Destination[],
  {
    registries,
    progress,
    last,
    warnings,
    engines,
    attest,
  }: {
    readonly registries: Registries;
    readonly progress: Progress;
    readonly last: Digest | undefined;
    /** What was found to say before. */
    readonly warnings: readonly string[];
    readonly engines: EnginePool | undefined;
    readonly attest: ((result: BuildResult) => ReturnType<typeof attestAsAsked>) | undefined;
  },
): Promise<Digest> {
  const begun = performance.now();
  let result: BuildResult;
  let metadata: Metadata;
  let text = "";
  try {
    result = await build({ ...request, onEvent: (event) => progress.event(event) });
    await fetchBase(request, result, destinations);
    const beside = await attest?.(result);
    for (const message of beside?.warnings ?? []) progress.event({ type: "warning", message });
    const written = await writeImageToAll(destinations, result, names, {
      artifactsFor: beside?.artifactsFor,
      signal: request.signal,
      cacheDir: request.cacheDir,
      registries,
      engines,
      onEvent: (event) => progress.event(event),
    });
    const told = { ...result, warnings: [...warnings, ...result.warnings, ...(beside?.warnings ?? [])] };
    metadata = metadataOf(told, names, written, performance.now() - begun, beside);
    await writeReports(flags, metadata);
    if (!flags.on("quiet")) {
      const style = styleFor(process.stderr);
      if (flags.on("explain")) text += explainLayers(result, style);
      text += summary(result, names, written, performance.now() - begun, style, progress.lasting, beside);
    }
  } finally {
    progress.end();
  }
  const digest = result.descriptor.digest;
  if (digest === last) return digest;
  process.stderr.write(text);
  // The archive is the result then; a digest after it would damage it.
  if (destinations.some((destination) => destination.stdout)) return digest;
  const document = JSON.stringify(metadata, undefined, flags.on("watch") ? 0 : 2);
  process.stdout.write(`${flags.on("json") ? document : digest}\n`);
  return digest;
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
  warnings: readonly string[],
): Promise<void> {
  const { showPlan } = await import("../show/show-plan.ts");
  const outputs = destinations.map(({ shown }) => shown);
  await showPlan(request, { names, outputs, warnings, json: flags.on("json") });
}
