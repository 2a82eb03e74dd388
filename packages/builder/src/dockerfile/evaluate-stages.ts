import { availableParallelism } from "node:os";
import {
  type ContainerConfig,
  formatPlatform,
  type History,
  hostPlatform,
  type ImageConfig,
  Limiter,
  parsePlatform,
  type Platform,
} from "@lading/oci";
import { type Base, type FoundBase, lowerOf, openBase } from "../base/base.ts";
import { readAccounts } from "../base/image-accounts.ts";
import { needsBaseFiles } from "../base/needed-files.ts";
import type { LayerPlan } from "../entry.ts";
import { BuildError } from "../errors.ts";
import { parseOwner } from "../list/attributes.ts";
import { readIgnoreFile } from "../list/ignore.ts";
import type { ListedEntry } from "../list/listing.ts";
import type { Matcher } from "../list/patterns.ts";
import { type Packing, toLayer } from "../pack/packing.ts";
import { layOn, type Lower, nothing } from "../plan/lower.ts";
import { planLayer } from "../plan/plan.ts";
import { isSamePlan } from "../plan/same-plan.ts";
import { nearest } from "../nearest.ts";
import type { BuildRequest, LocatedBase } from "../result.ts";
import { contextMount } from "./context-mount.ts";
import { blame, dockerfileError, DockerfileError } from "./dockerfile-error.ts";
import type { DockerfileRequest } from "./dockerfile-request.ts";
import { expandWord, expandWords } from "./expand-word.ts";
import { DiskFiles } from "./disk-files.ts";
import { heedChecks } from "./heed-checks.ts";
import { ContentsOfLayers, imageFiles } from "./image-files.ts";
import { parseDockerfile } from "./parse-dockerfile.ts";
import { type MountSources, prepareMount, type PreparedMount } from "./prepare-mount.ts";
import { readTransfer } from "./read-transfer.ts";
import { commandLine, runStep, type RunWork } from "./run-step.ts";
import { RunningSteps } from "./running-steps.ts";
import { Scope } from "./scope.ts";
import { SharedWork } from "./shared-work.ts";
import type { SourceFiles } from "./source-files.ts";
import { type Expand, historyOf, StageConfig } from "./stage-config.ts";
import { findStage, readStages, type Stage, type Stages, stagesCopied } from "./stages.ts";
import type { Dockerfile, Instruction, RunInstruction, Word } from "./syntax.ts";
import { destinationEntry, listTransfer } from "./transfer.ts";
import { declaredArgs, predefinedArgs, unusedArgs } from "./unused-arguments.ts";

/** What more layers and another config can be laid on: a base, or what a Dockerfile has made of one. */
export interface Foundation {
  readonly platform: Platform;
  /** Absent FROM scratch. */
  readonly base: Base | undefined;
  /** Layers on the base, so far. */
  readonly layers: readonly LayerPlan[];
  readonly lower: Lower;
  /** With the history of all its layers; `rootfs` is the base's and says nothing of those on it. */
  readonly config: Omit<ImageConfig, "rootfs">;
}

interface StageResult extends Foundation {
  readonly scope: Scope;
  /** Whether `lower` has the files of the base as well: those of one in a registry are only looked at when they must be. */
  readonly known: boolean;
}

/** The config that an image FROM scratch begins with. */
const defaultEnv = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"];

export interface EvaluationOptions {
  /** RFC 3339. */
  readonly created: string;
  /** Absent for a plan: then nothing is run. */
  readonly packing: Packing | undefined;
  readonly warn: (message: string) => void;
}

/** Programs and downloads that run at once. */
const mostAtOnce = Math.max(2, availableParallelism());

/**
 * Goes through the stages of a Dockerfile, at the same time where they do not need each other. What several platforms or
 * stages need is done once.
 */
export class StageEvaluation {
  readonly #request: BuildRequest;
  readonly #dockerfile: DockerfileRequest;
  readonly #warn: (message: string) => void;
  readonly #warnings: { readonly at: At; readonly message: string }[] = [];
  readonly #created: string;
  readonly #packing: Packing | undefined;
  readonly #ignore: Matcher | undefined;
  readonly #stages: SharedWork<StageResult>;
  readonly #slots = new Limiter(mostAtOnce);
  readonly #running = new RunningSteps(this.#slots);
  readonly #images = new Map<string, Promise<Base>>();
  readonly #contents: ContentsOfLayers;
  readonly #files = new Map<Base | StageResult, Promise<SourceFiles>>();
  readonly #folders = new Map<string, DiskFiles>();
  readonly #declared: Set<string>;
  readonly #plans = new Map<Instruction, LayerPlan[]>();

  constructor(request: BuildRequest, dockerfile: DockerfileRequest, { created, packing, warn }: EvaluationOptions) {
    this.#stages = new SharedWork(request.signal);
    this.#request = { ...request, signal: this.#stages.signal };
    const { fetch } = dockerfile;
    this.#dockerfile = {
      ...dockerfile,
      fetch: fetch && (async (url, options) => await this.#slots.run(async () => await fetch(url, options))),
    };
    this.#declared = declaredArgs(dockerfile.file);
    this.#created = created;
    this.#packing = packing;
    this.#warn = warn;
    this.#contents = new ContentsOfLayers(request.cacheDir);
    this.#ignore = readIgnoreFile(request.context, request.spec.ignoreFile, request.outputs);
  }

  /** The stage to build, for each platform. Throws BuildError, mostly DockerfileError. */
  async evaluate(platforms: readonly Platform[]): Promise<readonly Foundation[]> {
    const { file, target, buildArgs = {} } = this.#dockerfile;
    const { context, spec } = this.#request;
    heedChecks(file, { context, ignoreFile: spec.ignoreFile }, this.#warn);
    const wanted = platforms.map((platform) => ({
      platform,
      stages: readStages(file, target, buildArgs, platformArgs(platform)),
    }));
    try {
      return await this.#stages.finish(
        async () =>
          await Promise.all(wanted.map(({ platform, stages }) => this.#stage(stages, stages.target, platform))),
      );
    } finally {
      // In the order of the file, whichever stage was the quicker.
      const place = ({ at }: { readonly at: At }): string => formatPlatform(at.target);
      this.#warnings
        .sort((a, b) => a.at.stage.index - b.at.stage.index || place(a).localeCompare(place(b)))
        .forEach(({ message }) => this.#warn(message));
      unusedArgs(Object.keys(buildArgs), this.#declared).forEach(this.#warn);
    }
  }

  /** With `known`, the files of its base are wanted too. */
  async #stage(stages: Stages, stage: Stage, target: Platform, known = false): Promise<StageResult> {
    const key = `${stage.index} ${formatPlatform(target)}`;
    const first = await this.#stages.do(key, async () => {
      try {
        return await this.#evaluate(stages, stage, target, false);
      } catch (error) {
        if (!(error instanceof BaseIsNeeded)) throw error;
        return await this.#evaluate(stages, stage, target, true);
      }
    });
    if (!known || first.known) return first;
    return await this.#stages.do(`${key} known`, async () => await this.#evaluate(stages, stage, target, true));
  }

  /** Throws BaseIsNeeded when the files of the base must be known after all. */
  async #evaluate(stages: Stages, stage: Stage, target: Platform, known: boolean): Promise<StageResult> {
    // They go on by themselves until they are asked for; what goes wrong in one is told by `#stages`.
    for (const needed of stagesCopied(stages, stage)) void this.#stage(stages, needed, target).catch(() => undefined);
    const start = await this.#start(stages, stage, target, known);
    const work = new StageWork(start);
    const at: At = { stages, stage, target, work };
    // Known without a declaration, and in no history.
    for (const [name, value] of Object.entries(this.#dockerfile.buildArgs ?? {}))
      if (predefinedArgs.has(name)) work.scope.declare(name, value);
    const { file } = this.#dockerfile;
    for (const trigger of start.config.config?.OnBuild ?? []) {
      const name = `ONBUILD of ${stage.image}`;
      const triggers = parseDockerfile(`FROM scratch\n${trigger}\n`, name);
      for (const declared of declaredArgs(triggers)) this.#declared.add(declared);
      for (const instruction of triggers.stages[0]?.instructions ?? []) await this.#apply(triggers, instruction, at);
    }
    for (const instruction of stage.syntax.instructions) await this.#apply(file, instruction, at);
    return work.finish();
  }

  async #start(stages: Stages, stage: Stage, target: Platform, known: boolean): Promise<StageResult> {
    const { file } = this.#dockerfile;
    const { from } = stage.syntax;
    const platform =
      stage.platform === undefined
        ? target
        : blame(file, from.platform ?? from, () => parsePlatform(stage.platform ?? ""));
    if (stage.parent !== undefined) {
      const parent = await this.#stage(stages, stage.parent, target, known);
      return { ...parent, scope: parent.scope.inherit() };
    }
    if (stage.image === "scratch") {
      const config: ImageConfig["config"] = { Env: platform.os === "windows" ? [] : defaultEnv };
      const { Env } = config;
      const scope = new Scope(Env ?? []);
      return {
        platform,
        base: undefined,
        layers: [],
        lower: nothing,
        config: { ...platform, config, history: [] },
        scope,
        known: true,
      };
    }
    const base = await this.#blaming(file, from.image, () => this.#image(stage.image, platform));
    const { rootfs, ...config } = base.image.config;
    const isKnown = known || base.found.remote !== true;
    return {
      platform: base.image.platform,
      base,
      layers: [],
      lower: isKnown ? lowerOf(await base.tree()) : nothing,
      config: { ...config, history: filled(config.history ?? [], rootfs.diff_ids.length) },
      scope: new Scope(config.config?.Env ?? []),
      known: isKnown,
    };
  }

  async #apply(file: Dockerfile, instruction: Instruction, at: At): Promise<void> {
    const { work, stage, target } = at;
    const { scope, config } = work;
    const options = { escape: file.escape };
    const expand: Expand = {
      word: (word) => blame(file, word, () => expandWord(word.text, scope.lookup, options)),
      words: (word) => blame(file, word, () => expandWords(word.text, scope.lookup, options)),
    };
    this.#request.signal?.throwIfAborted();
    switch (instruction.keyword) {
      case "ARG":
        for (const { name, value } of instruction.args) {
          const given =
            this.#dockerfile.buildArgs?.[name.text] ??
            (value === undefined
              ? (stage.globals.get(name.text) ?? platformArgs(target)[name.text])
              : expand.word(value));
          scope.declare(name.text, given);
        }
        return work.note(instruction.text, this.#created, undefined);
      case "ENV": {
        // All values see the variables as they were before.
        const pairs = instruction.pairs.map(({ name, value }) => [expand.word(name), expand.word(value)] as const);
        for (const [name, value] of pairs) scope.setEnv(name, value);
        return work.note(instruction.text, this.#created, undefined);
      }
      case "WORKDIR":
        return await this.#workdir(file, instruction.value, expand, at, instruction);
      case "COPY":
      case "ADD":
        return await this.#transfer(file, instruction, expand, at);
      case "RUN":
        return await this.#run(file, instruction, expand, at);
      case "FROM":
        return;
      case "CMD":
      case "ENTRYPOINT":
      case "EXPOSE":
      case "HEALTHCHECK":
      case "LABEL":
      case "MAINTAINER":
      case "ONBUILD":
      case "SHELL":
      case "STOPSIGNAL":
      case "USER":
      case "VOLUME":
        blame(file, instruction, () =>
          config.apply(instruction, expand, (message) => this.#warnings.push({ at, message })),
        );
        return work.note(instruction.text, this.#created, undefined);
    }
  }

  async #run(file: Dockerfile, instruction: RunInstruction, expand: Expand, at: At): Promise<void> {
    const { work, target } = at;
    const { runner, network: usual = "none" } = this.#dockerfile;
    const { cacheDir, sourceDateEpoch: latest, signal, noCache = false, onEvent } = this.#request;
    const name = instruction.text;
    if (!work.known) throw new BaseIsNeeded();
    const packing = this.#packing;
    if (packing === undefined) return work.note(name, this.#created, { name, entries: [], unknown: true });
    if (runner === undefined)
      throw dockerfileError(file, instruction, `Cannot run "${name}": nothing here runs programs`, {
        hint: "Install runc or crun, or copy what the command makes from an image that has it: COPY --from=IMAGE",
      });
    const sources = this.#mountSources(packing, name, at);
    const asked = instruction.network === undefined ? usual : expand.word(instruction.network);
    const ran = await this.#blaming(file, instruction, async () => {
      if (asked !== "none" && asked !== "default" && asked !== "host")
        throw new BuildError("SPEC", `Cannot run with --network=${asked}: expected none, default or host`);
      const mounts: PreparedMount[] = [];
      for (const word of instruction.mounts) {
        const mount = await prepareMount(expand.word(word), sources);
        if (mount !== undefined) mounts.push(mount);
      }
      const { command, heredocs } = instruction;
      if (command.form === "exec" && command.argv.length === 0) throw new BuildError("SPEC", "RUN has no command");
      if (instruction.security !== undefined && expand.word(instruction.security) !== "sandbox")
        throw new BuildError(
          "SPEC",
          "Cannot run with --security=insecure: a step gets no more of this machine than others",
        );
      const argv = work.config.argv(
        command.form === "exec" ? command : { form: "shell", line: commandLine(command.line, heredocs) },
      );
      const { base, layers, lower, platform } = work;
      const { user, workdir } = work.config;
      const env = work.scope.stepEnv;
      const cwd = workdir === "" ? "/" : workdir;
      const place = { stage: stageName(at), platform: formatPlatform(target) };
      const step: RunWork = {
        name,
        argv,
        base,
        layers,
        lower,
        platform,
        mounts,
        network: asked,
        env,
        cwd,
        user,
        place,
      };
      return await runStep(step, {
        packing,
        runner,
        running: this.#running,
        onEvent,
        contents: this.#contents,
        cacheDir,
        noCache,
        latest,
        signal,
      });
    });
    work.note(name, this.#created, ran);
  }

  /** What the mounts of a step are made of. */
  #mountSources(packing: Packing, name: string, { work, stages, stage, target }: At): MountSources {
    const { secrets, ssh, contexts } = this.#dockerfile;
    const { cacheDir, sourceDateEpoch: latest, signal } = this.#request;
    return {
      files: async (from, path) => {
        const found = from === undefined ? undefined : findStage(stages.all.slice(0, stage.index), from);
        const named = from === undefined || found !== undefined ? undefined : contexts?.[from];
        const folder = named !== undefined && "folder" in named ? { name: from ?? "", path: named.folder } : undefined;
        if (from === undefined || folder !== undefined)
          return await contextMount(this.#folder(folder), path, { name, packing, cacheDir, latest, signal });
        const { base, layers } =
          found === undefined
            ? { base: await this.#image(from, target), layers: [] }
            : await this.#stage(stages, found, target);
        const packed = layers.map(async (plan) => toLayer(await packing.pack(plan), packing.source));
        const files = { base, layers: await Promise.all(packed), path };
        const all = [...(base?.image.layers ?? []), ...files.layers];
        return { ...files, key: all.map(({ diffId }) => diffId) };
      },
      cacheDir,
      workdir: work.config.workdir,
      platform: work.platform,
      secrets,
      ssh,
    };
  }

  async #workdir(file: Dockerfile, value: Word, expand: Expand, at: At, instruction: Instruction): Promise<void> {
    const { work } = at;
    const path = work.config.setWorkdir(expand.word(value)).slice(1);
    const parts = path === "" ? [] : path.split("/");
    const owner = work.config.user === "" ? { uid: 0, gid: 0 } : parseOwner(work.config.user);
    const listed = parts.map((_, index): ListedEntry => ({
      path: parts.slice(0, index + 1).join("/"),
      mode: 0o755,
      owner,
      mtime: this.#request.sourceDateEpoch ?? 1,
      origin: `WORKDIR ${value.text}`,
      explicit: true,
      type: "directory",
      asked: { mode: false, owner: false },
    }));
    await this.#blaming(file, instruction, () => this.#lay(instruction, listed, at));
  }

  async #transfer(
    file: Dockerfile,
    instruction: Extract<Instruction, { keyword: "COPY" | "ADD" }>,
    expand: Expand,
    at: At,
  ): Promise<void> {
    const { work } = at;
    const { cacheDir, sourceDateEpoch: latest, signal } = this.#request;
    const timestamp = latest ?? 1;
    const { lookup } = work.scope;
    const { fetch } = this.#dockerfile;
    const from = instruction.keyword === "COPY" ? instruction.from : undefined;
    const files = from === undefined ? this.#folder(undefined) : await this.#origin(file, from, expand.word(from), at);
    const isKnown = !(await this.#hasUnknown(from, expand, at));
    await this.#blaming(file, instruction, async () => {
      const parts = await readTransfer(instruction, { file, expand, lookup, fetch, timestamp, signal });
      const transfer = { ...parts, files, workdir: work.config.workdir, timestamp, latest, cacheDir };
      // Whether it names a folder that is there decides where files go.
      if (!transfer.destination.endsWith("/")) this.#look([destinationEntry(transfer)], at);
      try {
        const lower = instruction.link ? nothing : work.lower;
        await this.#lay(instruction, await listTransfer(transfer, lower, { signal }), at, instruction.link);
      } catch (error) {
        // What a program is yet to make may be what is missing.
        if (isKnown || !(error instanceof BuildError)) throw error;
        work.note(instruction.text, this.#created, { name: instruction.text, entries: [], unknown: true });
      }
    });
  }

  /** Whether what is copied, or what it is laid on, depends on programs that a plan does not run. */
  async #hasUnknown(from: Word | undefined, expand: Expand, { work, stages, stage, target }: At): Promise<boolean> {
    if (this.#packing !== undefined) return false;
    const found = from && findStage(stages.all.slice(0, stage.index), expand.word(from));
    const source = found === undefined ? [] : (await this.#stage(stages, found, target)).layers;
    return [...work.layers, ...source].some(({ unknown }) => unknown === true);
  }

  /** The files of the context, or of a folder that stands for a name. */
  #folder(named: { readonly name: string; readonly path: string } | undefined): DiskFiles {
    const path = named?.path ?? this.#request.context;
    let files = this.#folders.get(path);
    if (files === undefined) {
      const ignore = named === undefined ? this.#ignore : readIgnoreFile(path, undefined, this.#request.outputs);
      files = new DiskFiles(path, named === undefined ? "the context" : `"${named.name}"`, ignore);
      this.#folders.set(path, files);
    }
    return files;
  }

  /** What `--from` names: a stage above, a context, or an image. */
  async #origin(file: Dockerfile, word: Word, name: string, { stages, stage, target }: At): Promise<SourceFiles> {
    const found = findStage(stages.all.slice(0, stage.index), name);
    if (found !== undefined) {
      return await this.#filesOf(`stage "${name}"`, await this.#stage(stages, found, target));
    }
    if (findStage(stages.all, name) !== undefined)
      throw dockerfileError(file, word, `Stage "${name}" is not above this one`, {
        hint: "A stage copies from stages that stand before it",
      });
    const context = this.#dockerfile.contexts?.[name];
    if (context !== undefined && "folder" in context) return this.#folder({ name, path: context.folder });
    const base = await this.#blaming(file, word, () => this.#image(name, target));
    return await this.#filesOf(`image "${name}"`, base);
  }

  /** The same files for the same image or stage, whoever copies from it. */
  async #filesOf(name: string, from: Base | StageResult): Promise<SourceFiles> {
    let files = this.#files.get(from);
    if (files === undefined) {
      files = imageFiles(name, "found" in from ? { base: from, layers: [] } : from, this.#contents);
      this.#files.set(from, files);
    }
    return await files;
  }

  #image(name: string, platform: Platform): Promise<Base> {
    const context = this.#dockerfile.contexts?.[name];
    if (context !== undefined && "folder" in context)
      throw new BuildError("SPEC", `Cannot build on "${name}": that build context is a folder`, {
        hint: "FROM takes images; COPY --from takes folders as well",
      });
    const place = context?.place ?? name;
    const key = `${place}\0${formatPlatform(platform)}`;
    let image = this.#images.get(key);
    if (image === undefined) this.#images.set(key, (image = this.#openImage(place, platform)));
    return image;
  }

  async #openImage(place: string, platform: Platform): Promise<Base> {
    const { cacheDir, signal, onEvent } = this.#request;
    const found: FoundBase = { ...(await this.#located(place)), place };
    const base = await openBase(found, platform, cacheDir, { signal });
    const { descriptor } = base.image;
    onEvent?.({ type: "base", place, platform: formatPlatform(base.image.platform), digest: descriptor.digest });
    return base;
  }

  async #located(place: string): Promise<LocatedBase> {
    const { locate, signal } = this.#request;
    try {
      return await locate(place, { signal });
    } catch (cause) {
      signal?.throwIfAborted();
      if (cause instanceof BuildError || !(cause instanceof Error)) throw cause;
      const own = "hint" in cause && typeof cause.hint === "string" ? cause.hint : undefined;
      const meant = nearest(
        place,
        this.#dockerfile.file.stages.flatMap(({ from }) => from.as?.text ?? []),
      );
      const hint = meant === undefined ? own : `If stage ${meant} is meant, write ${meant}`;
      const why = causes(cause).join(": ");
      throw new BuildError("BASE", `Cannot use image "${place}": ${why}`, {
        cause,
        ...(hint === undefined ? {} : { hint }),
      });
    }
  }

  /** Plans a layer of what was listed, and lays it on the stage's files. With `alone` it does not depend on what is there. */
  async #lay(instruction: Instruction, listed: readonly ListedEntry[], at: At, alone = false): Promise<void> {
    const { work } = at;
    this.#look(listed, at);
    const accounts = await readAccounts(listed, work.layers, work.base, { signal: this.#request.signal });
    const mtime = this.#request.sourceDateEpoch ?? 1;
    const lower = alone ? nothing : work.lower;
    const made = planLayer({ name: instruction.text, listed, remove: [], lower, accounts, mtime });
    for (const message of made.warnings) this.#warnings.push({ at, message });
    let known = this.#plans.get(instruction);
    if (known === undefined) this.#plans.set(instruction, (known = []));
    const plan = known.find((one) => isSamePlan(one, made.plan)) ?? made.plan;
    if (plan === made.plan) known.push(plan);
    work.note(instruction.text, this.#created, plan);
  }

  /** Throws BaseIsNeeded where a base in a registry has a say in what becomes of these. */
  #look(listed: readonly ListedEntry[], { work: { base, known } }: At): void {
    if (base !== undefined && !known && needsBaseFiles(listed, base.image.config)) throw new BaseIsNeeded();
  }

  /** Does the work; what goes wrong is said of the place in the Dockerfile. */
  async #blaming<T>(file: Dockerfile, place: Instruction | Word, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof DockerfileError || !(error instanceof Error)) throw error;
      const isTold = error instanceof BuildError || ["StepFailed", "RunnerError"].includes(error.name);
      if (!isTold) throw error;
      const hint = "hint" in error && typeof error.hint === "string" ? error.hint : undefined;
      throw dockerfileError(file, place, error.message, { hint, cause: error });
    }
  }
}

/** Where an instruction stands. */
interface At {
  readonly stages: Stages;
  readonly stage: Stage;
  readonly target: Platform;
  readonly work: StageWork;
}

/** A stage while its instructions are gone through. */
class StageWork {
  readonly scope: Scope;
  readonly config: StageConfig;
  readonly platform: Platform;
  readonly base: Base | undefined;
  readonly known: boolean;
  readonly layers: LayerPlan[];
  lower: Lower;
  readonly #image: Omit<ImageConfig, "rootfs">;
  readonly #history: History[];

  constructor(start: StageResult) {
    this.scope = start.scope;
    this.config = new StageConfig(start.config.config ?? {});
    this.platform = start.platform;
    this.base = start.base;
    this.known = start.known;
    this.layers = [...start.layers];
    this.lower = start.lower;
    this.#image = start.config;
    this.#history = [...(start.config.history ?? [])];
  }

  /** Writes an instruction into the history, with its layer if it made one. */
  note(text: string, created: string, plan: LayerPlan | undefined): void {
    const hasLayer = plan !== undefined && (plan.entries.length > 0 || plan.unknown === true);
    this.#history.push(historyOf(text, created, hasLayer));
    if (plan === undefined || !hasLayer) return;
    this.layers.push(plan);
    this.lower = layOn(this.lower, plan);
  }

  finish(): StageResult {
    const { platform, base, known, layers, lower, scope } = this;
    const { author } = this.config;
    const container: ContainerConfig = this.config.finish(scope);
    const config = {
      ...this.#image,
      ...(author === undefined ? {} : { author }),
      config: container,
      history: this.#history,
    };
    return { platform, base, known, layers, lower, config, scope };
  }
}

/** The files of a remote base have to be looked at after all. */
class BaseIsNeeded extends Error {}

/** What events call the stage of an instruction: as docker does, and nothing where there is but one. */
function stageName({ stages, stage }: At): string | undefined {
  return stages.all.length === 1 ? undefined : (stage.syntax.from.as?.text ?? `stage-${stage.index}`);
}

function platformArgs(target: Platform): Readonly<Record<string, string>> {
  const host = { ...hostPlatform(), os: "linux" };
  return { ...argsOf("TARGET", target), ...argsOf("BUILD", host) };
}

function argsOf(prefix: string, platform: Platform): Readonly<Record<string, string>> {
  return {
    [`${prefix}PLATFORM`]: formatPlatform(platform),
    [`${prefix}OS`]: platform.os,
    [`${prefix}ARCH`]: platform.architecture,
    [`${prefix}VARIANT`]: platform.variant ?? "",
  };
}

/** What an error and those behind it say, each once. */
function causes(error: Error): readonly string[] {
  const more = error.cause instanceof Error ? causes(error.cause) : [];
  return [error.message, ...more.filter((message) => !error.message.includes(message))];
}

/** A base's history with an entry for each of its layers. */
function filled(history: readonly History[], layers: number): readonly History[] {
  const own = history.filter(({ empty_layer: empty }) => empty !== true).length;
  if (own === layers) return history;
  return [
    ...history,
    ...Array.from({ length: Math.max(0, layers - own) }, () => ({ comment: "not in the base's history" })),
  ];
}
