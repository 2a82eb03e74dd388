import type { DockerfileRequest } from "./dockerfile-request.ts";
import { namedContext } from "./named-context.ts";
import { namedSource, namesCopied, readStages } from "./stages.ts";

/**
 * The places of all images that a Dockerfile names, in stages that are built or not; `scratch` is none. What a variable of a
 * stage says is not known here. Throws DockerfileError.
 */
export function dockerfilePlaces({
  file,
  target,
  buildArgs = {},
  contexts = {},
}: DockerfileRequest): readonly string[] {
  const stages = readStages(file, target, buildArgs, {});
  const sources = stages.all.flatMap((stage) => {
    const { parent, image } = stage;
    const from = namedContext(contexts, image) ?? (parent === undefined ? { place: image } : { stage: parent });
    return namesCopied(stage.syntax)
      .map((name) => namedSource(name, stages, stage, contexts))
      .concat(from);
  });
  const places = new Set(sources.flatMap((source) => ("place" in source ? [source.place] : [])));
  places.delete("scratch");
  return [...places];
}
