import type { DockerfileRequest } from "./dockerfile-request.ts";
import { namedContext } from "./named-context.ts";
import { findStage, namesCopied, readStages } from "./stages.ts";

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
  const { all } = readStages(file, target, buildArgs, {});
  const names = all.flatMap((stage) => {
    const above = all.slice(0, stage.index);
    const isPlace = (name: string): boolean =>
      namedContext(contexts, name) !== undefined || findStage(above, name) === undefined;
    const from = stage.parent === undefined || isPlace(stage.image) ? [stage.image] : [];
    const copied = namesCopied(stage.syntax).filter(isPlace);
    return from.concat(copied);
  });
  const places = names.flatMap((name) => {
    const context = namedContext(contexts, name);
    if (context === undefined) return name === "scratch" ? [] : [name];
    return "place" in context ? [context.place] : [];
  });
  return [...new Set(places)];
}
