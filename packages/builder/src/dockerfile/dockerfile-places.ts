import { parsePlatform } from "@lading/oci";
import type { DockerfileRequest } from "./dockerfile-request.ts";
import { namedContext } from "./named-context.ts";
import { namedSource, namesCopied, readStages } from "./stages.ts";

/**
 * The places of all images that a Dockerfile names for one of `platforms` (`os/arch`), in stages that are built or not; `scratch`
 * is none. What a variable of a stage says is not known here. Throws DockerfileError.
 */
export function dockerfilePlaces(request: DockerfileRequest, platforms: readonly string[]): readonly string[] {
  const { contexts } = request;
  const places = new Set<string>();
  for (const platform of platforms) {
    const stages = readStages(request, parsePlatform(platform));
    for (const stage of stages.all) {
      const { parent, image, syntax } = stage;
      const from = namedContext(contexts, image) ?? (parent === undefined ? { place: image } : { stage: parent });
      const copied = namesCopied(syntax).map((name) => namedSource(name, stages, stage, contexts));
      for (const source of copied.concat(from)) if ("place" in source) places.add(source.place);
    }
  }
  places.delete("scratch");
  return [...places];
}
