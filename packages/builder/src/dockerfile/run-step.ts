import { createHash } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join, posix } from "node:path";
import type { Layer, LayerIndex, Platform } from "@lading/oci";
import type { Base } from "../base/base.ts";
import { readLayerIndexes } from "../base/base-index.ts";
import type { LayerContents } from "../base/layer-contents.ts";
import type { LayerEntry, LayerPlan } from "../entry.ts";
import { BuildError } from "../errors.ts";
import type { PackedLayer } from "../pack/pack.ts";
import { type Packing, toLayer } from "../pack/packing.ts";
import type { Lower } from "../plan/lower.ts";
import { capturedChanges } from "./captured-changes.ts";
import type { BuildEvent } from "../progress.ts";
import type { DockerfileRequest } from "./dockerfile-request.ts";
import type { ContentsOfLayers } from "./image-files.ts";
import { OutputLines } from "./output-lines.ts";
import type { RunningSteps } from "./running-steps.ts";
import type { Step, StepMount, StepOptions, StepRunner } from "./step-runner.ts";
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

/** A mount, and what of it tells one run from another. */
export interface PreparedMount {
  readonly mount: StepMount;
  readonly key: unknown;
  /** What no other step may have while this one runs. */
  readonly alone?: string;
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
  const layers: Layer[] = [];
  for (const plan of work.layers) layers.push(toLayer(await packing.pack(plan), packing.source));
  const { base, name, argv, env, cwd, user, network, platform, mounts } = work;
  const parents = [...(base?.image.layers ?? []), ...layers].map(({ diffId }) => diffId);
  const seen = { parents, argv, env, cwd, user, network, platform, mounts: mounts.map(({ key }) => key), latest };
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
          const entries = await capturedChanges(result.changes, { lower: work.lower, latest, signal });
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
  try {
    return await run((chunk, stream) => lines[stream].push(chunk));
  } finally {
    lines.stdout.end();
    lines.stderr.end();
    onEvent({ type: "step-done", id, ms: performance.now() - begun });
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

/** What mounts of a step are made of. */
export interface MountSources {
  /** The files of the context below a path, and a key of their content. */
  context(path: string): Promise<{ readonly disk: string; readonly key: string }>;
  /** The files that `from` names, and a key of them. */
  from(
    name: string,
  ): Promise<
    | { readonly files: { readonly base: Base | undefined; readonly layers: readonly Layer[] }; readonly key: unknown }
    | { readonly folder: string }
  >;
  readonly cacheDir: string;
  readonly workdir: string;
  readonly platform: Platform;
  readonly secrets: DockerfileRequest["secrets"];
  readonly ssh: DockerfileRequest["ssh"];
}

/** Reads `--mount=…` (docs.docker.com, "RUN --mount"). Throws BuildError SPEC. */
export async function prepareMount(text: string, sources: MountSources): Promise<PreparedMount | undefined> {
  const given = parseMount(text);
  const type = given.get("type") ?? "bind";
  const known = keysOf[type];
  if (known === undefined) throw wrong(text, `"${type}" is no type`, "Types are bind, cache, tmpfs, secret and ssh");
  const unknown = [...given.keys()].find((key) => key !== "type" && !known.includes(key));
  if (unknown !== undefined)
    throw wrong(text, `"${unknown}" means nothing here`, `type=${type} takes ${known.join(", ")}`);
  const option = (...names: string[]): string | undefined =>
    names.map((name) => given.get(name)).find((one) => one !== undefined);
  const target = option("target", "dst", "destination");
  const at = (fallback?: string): string => {
    const path = target ?? fallback;
    if (path === undefined) throw wrong(text, "it has no target", "Write target=/PATH");
    return posix.resolve("/", sources.workdir, path);
  };
  const number = (name: string, fallback: number, radix = 10): number => {
    const value = option(name);
    if (value === undefined) return fallback;
    const result = Number.parseInt(value, radix);
    if (!Number.isSafeInteger(result) || result < 0) throw wrong(text, `${name}=${value} is no number`);
    return result;
  };
  const isSet = (...names: string[]): boolean => ["", "true", "1"].includes(option(...names) ?? "no");

  if (type === "tmpfs") {
    const size = option("size") === undefined ? undefined : number("size", 0);
    const mount = { target: at(), type, ...(size === undefined ? {} : { size }) } as const;
    return { mount, key: mount };
  }
  if (type === "cache") {
    const path = at();
    const id = option("id") ?? path;
    const source = join(sources.cacheDir, "mounts", createHash("sha256").update(id).digest("hex").slice(0, 32));
    mkdirSync(source, { recursive: true, mode: 0o755 });
    const mount = { target: path, type, source, readOnly: isSet("ro", "readonly") } as const;
    const sharing = option("sharing") ?? "shared";
    if (!["shared", "private", "locked"].includes(sharing))
      throw wrong(text, `sharing=${sharing} is not known`, "Write shared, private or locked");
    const key = { type, target: path, id };
    // What is private would begin empty beside a step that has it: to wait is as good, and keeps one folder.
    return sharing === "shared" ? { mount, key } : { mount, key, alone: source };
  }
  if (type === "secret" || type === "ssh") {
    const id = option("id") ?? (type === "ssh" ? "default" : posix.basename(target ?? ""));
    const owner = { uid: number("uid", 0), gid: number("gid", 0) };
    if (type === "ssh") {
      const source = sources.ssh?.[id];
      if (source === undefined && isSet("required"))
        throw wrong(text, `there is no ssh agent "${id}"`, `Give it: --ssh ${id}`);
      if (source === undefined) return undefined;
      const mount = {
        target: at(`/run/buildkit/ssh_agent.0`),
        type,
        source,
        mode: number("mode", 0o600, 8),
        ...owner,
      } as const;
      return { mount, key: { type, id, target: mount.target } };
    }
    const content = sources.secrets?.[id];
    if (content === undefined && isSet("required"))
      throw wrong(text, `there is no secret "${id}"`, `Give it: --secret id=${id},src=FILE`);
    if (content === undefined) return undefined;
    const mount = {
      target: at(`/run/secrets/${id}`),
      type,
      content,
      mode: number("mode", 0o400, 8),
      ...owner,
    } as const;
    // As docker has it: another secret is no other step.
    return { mount, key: { type, id, target: mount.target } };
  }
  const readOnly = !isSet("rw", "readwrite");
  const source = option("source", "src") ?? "/";
  const from = option("from");
  const path = at();
  if (from === undefined) {
    const { disk, key } = await sources.context(source);
    return { mount: { target: path, type: "bind", source: disk, readOnly }, key: { type, target: path, key } };
  }
  const found = await sources.from(from);
  if ("folder" in found) {
    const disk = join(found.folder, posix.normalize(`/${source}`));
    return { mount: { target: path, type: "bind", source: disk, readOnly }, key: { type, target: path, from, source } };
  }
  const { base, layers } = found.files;
  const files = { base: base?.image, layers };
  return {
    mount: { target: path, type: "bind", source: { files, path: source }, readOnly },
    key: { type, target: path, source, key: found.key },
  };
}

const keysOf: Readonly<Record<string, readonly string[]>> = {
  bind: ["target", "dst", "destination", "source", "src", "from", "rw", "readwrite", "ro", "readonly"],
  cache: ["target", "dst", "destination", "id", "ro", "readonly", "sharing", "mode", "uid", "gid"],
  tmpfs: ["target", "dst", "destination", "size"],
  secret: ["target", "dst", "destination", "id", "required", "mode", "uid", "gid"],
  ssh: ["target", "dst", "destination", "id", "required", "mode", "uid", "gid"],
};

function parseMount(text: string): ReadonlyMap<string, string> {
  return new Map(
    text.split(",").map((field) => {
      const equals = field.indexOf("=");
      return equals === -1
        ? [field.toLowerCase(), ""]
        : [field.slice(0, equals).toLowerCase(), field.slice(equals + 1)];
    }),
  );
}

function wrong(text: string, why: string, hint?: string): BuildError {
  return new BuildError("SPEC", `Cannot read --mount=${text}: ${why}`, hint === undefined ? {} : { hint });
}
