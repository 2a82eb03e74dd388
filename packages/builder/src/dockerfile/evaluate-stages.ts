import { availableParallelism } from "node:os";
import { formatPlatform, Limiter, type Platform } from "@lading/oci";
import { readIgnoreFile } from "../list/ignore.ts";
import type { Packing } from "../pack/packing.ts";
import type { BuildRequest } from "../result.ts";
import { applyInstruction } from "./apply-instruction.ts";
import { CopySources } from "./copy-sources.ts";
import type { DockerfileRequest } from "./dockerfile-request.ts";
import type { Evaluation } from "./evaluation.ts";
import { heedChecks } from "./heed-checks.ts";
import { ContentsOfLayers } from "./image-files.ts";
import { parseDockerfile } from "./parse-dockerfile.ts";
import { RunningSteps } from "./running-steps.ts";
import { SharedWork } from "./shared-work.ts";
import { StageImages } from "./stage-images.ts";
import { type At, BaseIsNeeded, type Foundation, type StageResult, StageWork } from "./stage-work.ts";
import { namedSource, namesCopied, type Stage, type Stages, readStages } from "./stages.ts";
import { startStage } from "./start-stage.ts";
import { declaredArgs, predefinedArgs, unusedArgs } from "./unused-arguments.ts";

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
  readonly #evaluation: Evaluation;
  readonly #warn: (message: string) => void;
  readonly #warnings: { readonly at: At; readonly message: string }[] = [];
  readonly #stages: SharedWork<StageResult>;
  readonly #declared: Set<string>;

  constructor(asked: BuildRequest, given: DockerfileRequest, { created, packing, warn }: EvaluationOptions) {
    this.#stages = new SharedWork(asked.signal);
    this.#declared = declaredArgs(given.file);
    this.#warn = warn;
    const request = { ...asked, signal: this.#stages.signal };
    const slots = new Limiter(mostAtOnce);
    const { fetch } = given;
    const dockerfile = {
      ...given,
      fetch: fetch && (async (url, options) => await slots.run(async () => await fetch(url, options))),
    } satisfies DockerfileRequest;
    const common = {
      request,
      dockerfile,
      images: new StageImages(request, dockerfile),
      contents: new ContentsOfLayers(request.cacheDir),
      result: this.#stage.bind(this),
    };
    const ignore = readIgnoreFile(request.context, request.spec.ignoreFile, request.outputs);
    this.#evaluation = {
      ...common,
      created,
      packing,
      sources: new CopySources({ ...common, ignore }),
      running: new RunningSteps(slots),
      plans: new Map(),
      warn: (at, message) => void this.#warnings.push({ at, message }),
    };
  }

  /** The stage to build, for each platform. Throws BuildError, mostly DockerfileError. */
  async evaluate(platforms: readonly Platform[]): Promise<readonly Foundation[]> {
    const { dockerfile, request } = this.#evaluation;
    const { file, buildArgs = {} } = dockerfile;
    const { context, spec } = request;
    heedChecks(file, { context, ignoreFile: spec.ignoreFile }, this.#warn);
    const wanted = platforms.map((platform) => ({
      platform,
      stages: readStages(dockerfile, platform),
    }));
    try {
      return await this.#stages.finish(
        async () =>
          await Promise.all(
            wanted.map(async ({ platform, stages }) => withLayer(await this.#stage(stages, stages.target, platform))),
          ),
      );
    } finally {
      // In the order of the file, whichever stage was the quicker.
      this.#warnings
        .sort((a, b) => a.at.stage.index - b.at.stage.index || placeOf(a.at).localeCompare(placeOf(b.at)))
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
    const { file, contexts, buildArgs = {} } = this.#evaluation.dockerfile;
    // They go on by themselves until they are asked for; what goes wrong in one is told by `#stages`.
    for (const name of namesCopied(stage.syntax)) {
      const source = namedSource(name, stages, stage, contexts);
      if ("stage" in source) void this.#stage(stages, source.stage, target).catch(() => undefined);
    }
    const start = await startStage(this.#evaluation, stages, stage, target, known);
    const work = new StageWork(start);
    const at: At = { stages, stage, target, work };
    // Known without a declaration, and in no history.
    for (const [name, value] of Object.entries(buildArgs))
      if (predefinedArgs.has(name)) work.scope.declare(name, value);
    for (const trigger of start.config.config?.OnBuild ?? []) {
      const name = `ONBUILD of ${stage.image}`;
      const triggers = parseDockerfile(`FROM scratch\n${trigger}\n`, name);
      for (const declared of declaredArgs(triggers)) this.#declared.add(declared);
      for (const instruction of triggers.stages[0]?.instructions ?? [])
        await applyInstruction(this.#evaluation, triggers, instruction, at);
    }
    for (const instruction of stage.syntax.instructions)
      await applyInstruction(this.#evaluation, file, instruction, at);
    return work.finish();
  }
}

/** FROM scratch and a label is an image, as docker build has it; engines take none without a layer, and get an empty one. */
function withLayer(made: Foundation): Foundation {
  if (made.base !== undefined || made.layers.length > 0) return made;
  const history = [...(made.config.history ?? []), { comment: "nothing: an image has a layer" }];
  return { ...made, layers: [{ name: "empty", entries: [] }], config: { ...made.config, history } };
}

function placeOf({ target }: At): string {
  return formatPlatform(target);
}
