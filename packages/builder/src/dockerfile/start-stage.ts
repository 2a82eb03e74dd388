import { type History, type ImageConfig, parsePlatform, type Platform } from "@lading/oci";
import { lowerOf } from "../base/base.ts";
import { nothing } from "../plan/lower.ts";
import { blaming, dockerfileError } from "./dockerfile-error.ts";
import type { Evaluation } from "./evaluation.ts";
import { namedContext } from "./named-context.ts";
import { Scope } from "./scope.ts";
import type { StageResult } from "./stage-work.ts";
import type { Stage, Stages } from "./stages.ts";

/** The environment that an image FROM scratch begins with. */
const defaultEnv = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"];

/**
 * What FROM gives a stage: an earlier stage, an image, or nothing. With `known` the files of an image in a registry are read
 * as well. Throws DockerfileError.
 */
export async function startStage(
  { dockerfile: { file, contexts }, images, result }: Evaluation,
  stages: Stages,
  stage: Stage,
  target: Platform,
  known: boolean,
): Promise<StageResult> {
  const { from } = stage.syntax;
  const platform = stage.platform === undefined ? target : parsePlatform(stage.platform);
  const context = namedContext(contexts, stage.image);
  if (stage.parent !== undefined && context === undefined) {
    const parent = await result(stages, stage.parent, target, known);
    return { ...parent, scope: parent.scope.inherit() };
  }
  if (stage.image === "scratch" && context === undefined) {
    const Env = platform.os === "windows" ? [] : defaultEnv;
    return {
      platform,
      base: undefined,
      layers: [],
      lower: nothing,
      config: { ...platform, config: { Env }, history: [] } satisfies Omit<ImageConfig, "rootfs">,
      scope: new Scope(Env),
      known: true,
    };
  }
  if (context !== undefined && "folder" in context)
    throw dockerfileError(file, from.image, `Cannot build on "${stage.image}": that build context is a folder`, {
      hint: "FROM takes images; COPY --from takes folders as well",
    });
  const base = await blaming(file, from.image, () => images.open(context?.place ?? stage.image, platform));
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

/** A base's history with an entry for each of its layers. */
function filled(history: readonly History[], layers: number): readonly History[] {
  const own = history.filter(({ empty_layer: empty }) => empty !== true).length;
  if (own === layers) return history;
  return [
    ...history,
    ...Array.from({ length: Math.max(0, layers - own) }, () => ({ comment: "not in the base's history" })),
  ];
}
