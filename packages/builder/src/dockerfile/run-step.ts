import { createHash } from "node:crypto";
import type { Layer, LayerIndex } from "@lading/oci";
import type { Base } from "../base/base.ts";
import { readLayerIndexes } from "../base/base-index.ts";
import type { LayerContents } from "../base/layer-contents.ts";
import type { LayerEntry, LayerPlan } from "../entry.ts";
import type { PackedLayer } from "../pack/pack.ts";
import { type Packing, toLayer } from "../pack/packing.ts";
import type { Lower } from "../plan/lower.ts";
import { capturedChanges } from "./captured-changes.ts";
import type { BuildEvent } from "../progress.ts";
import type { ContentsOfLayers } from "./image-files.ts";
import { OutputLines } from "./output-lines.ts";
import type { RunningSteps } from "./running-steps.ts";
import type { PreparedMount } from "./prepare-mount.ts";
import { type Step, StepFailed, type StepOptions, type StepRunner } from "./step-runner.ts";
import type { Heredoc } from "./syntax.ts";

/** RUN with everything looked up, but for the layers that it is run on. */
export interface RunWork extends Omit<Step, "base" | "layers" | "mounts" | "argv"> {
  /** What messages and the layer are called. */
  readonly name: string;
  readonly argv: readonly string[];
  readonly base: Base | undefined;
  readonly layers: readonly LayerPlan[];
  readonly lower: Lower;
  readonly mounts: readonly PreparedMount[];
  /** The stage it is of, if there are several, and the platform, as events have them. */
  readonly place: Pick<Extract<BuildEvent, { type: "step-start" }>, "stage" | "platform">;
}

export interface RunOptions {
  readonly packing: Packing;
  readonly runner: StepRunner;
  readonly running: RunningSteps;
  readonly onEvent: ((event: BuildEvent) => void) | undefined;
  readonly contents: ContentsOfLayers;
  readonly cacheDir: string;
  readonly noCache: boolean;
  readonly latest: number | undefined;
  readonly signal: AbortSignal | undefined;
}

/**
 * The layer that a step makes, which is packed: from the cache when all that goes in is as it was, else by running it. Throws what the
 * runner throws, and BuildError.
 */
export async function runStep(work: RunWork, options: RunOptions): Promise<LayerPlan> {
  const { packing, runner, running, contents, cacheDir, noCache, latest, signal } = options;
  const singleOwner = (await runner.isSingleOwner?.()) ?? false;
  const layers: Layer[] = [];
  for (const plan of work.layers) layers.push(toLayer(await packing.pack(plan), packing.source));
  const { base, name, argv, env, cwd, user, network, platform, mounts } = work;
  const parents = [...(base?.image.layers ?? []), ...layers].map(({ diffId }) => diffId);
  const seen = {
    parents,
    argv,
    env,
    cwd,
    user,
    network,
    platform,
    mounts: mounts.map(({ key }) => key),
    latest,
    singleOwner,
  };
  const key = createHash("sha256").update(JSON.stringify(seen)).digest("hex");

  const known = noCache ? undefined : packing.cache.recall("run", key);
  const alone = mounts.flatMap((one) => one.alone ?? []);
  const packed: PackedLayer =
    known === undefined
      ? await running.once(key, alone, async () => {
          const step: Step = { ...work, base: base?.image, layers, mounts: mounts.map(({ mount }) => mount) };
          await using result = await runTold(
            work,
            key,
            options,
            async (onOutput) => await runner.run(step, { signal, onOutput }),
          );
          const entries = await capturedChanges(result.changes, { lower: work.lower, singleOwner, latest, signal });
          const made = await packing.pack({ name, entries });
          packing.cache.remember("run", key, made);
          return made;
        })
      : { ...known, reuse: "stat", ms: 0 };
  const layer = toLayer(packed, packing.source);
  const indexes = await readLayerIndexes([layer], cacheDir, { signal });
  const files = contents.of(layer);
  const entries = indexes.flatMap(({ entries: all }) => all).flatMap((entry, at) => toEntry(entry, at, files));
  return { name, entries, packed };
}

/** Runs a program, and tells of it. */
async function runTold<T>(
  { name: text, place }: RunWork,
  id: string,
  { onEvent, signal }: RunOptions,
  run: (onOutput: StepOptions["onOutput"]) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  if (onEvent === undefined) return await run(undefined);
  const begun = performance.now();
  onEvent({ type: "step-start", id, text, ...place });
  const tell = (line: string): void => onEvent({ type: "step-output", id, line });
  const lines = { stdout: new OutputLines(tell), stderr: new OutputLines(tell) };
  let ended = false;
  try {
    const result = await run((chunk, stream) => lines[stream].push(chunk));
    ended = true;
    return result;
  } catch (error) {
    ended = error instanceof StepFailed;
    throw error;
  } finally {
    lines.stdout.end();
    lines.stderr.end();
    // One that was ended, or never began, has taken no time that says anything.
    if (ended) onEvent({ type: "step-done", id, ms: performance.now() - begun });
  }
}

function toEntry(entry: LayerIndex["entries"][number], at: number, files: LayerContents): readonly LayerEntry[] {
  if (entry.kind === "ignored") return [];
  if (entry.kind !== "node") return [{ path: entry.path, type: entry.kind, mode: 0, uid: 0, gid: 0, mtime: 0 }];
  const { header } = entry;
  const { path, mode, uid, gid, mtime, xattrs } = header;
  const meta = { path, mode, uid, gid, mtime, xattrs };
  const { type } = header;
  if (type === "file") return [{ ...meta, type, size: header.size, content: files.of(at, header) }];
  if (type === "symlink" || type === "hardlink") return [{ ...meta, type, linkname: header.linkname }];
  if (type === "char" || type === "block")
    return [{ ...meta, type, devmajor: header.devmajor, devminor: header.devminor }];
  return [{ ...meta, type }];
}

/** The program of RUN with heredocs: a script of their own, or the line with the documents after it. */
export function commandLine(line: string, heredocs: readonly Heredoc[]): string {
  const [only] = heredocs;
  if (only !== undefined && heredocs.length === 1 && /^<<-?\s*["']?[^\s"'<>]+["']?$/.test(line.trim()))
    return only.content;
  return heredocs.length === 0
    ? line
    : `${line}\n${heredocs.map(({ name, content }) => `${content}${name}`).join("\n")}\n`;
}
