import { basename, relative } from "node:path";
import { type DockerfileRequest, imageNameOf } from "@lading/builder";
import type { Description } from "../front-ends/front-end.ts";
import type { DescriptionFile } from "./description-file.ts";

/**
 * What a lading.yaml in the context has to say so that the same image comes of it as of the description. Without `names`
 * it is called what the description calls it, or else what its folder is called.
 */
export function writtenDown(
  { spec, dockerfile, context, files: [file] = [] }: Description,
  names: readonly string[],
): DescriptionFile {
  const { name = imageNameOf(basename(context)) || "app", tags = [], ...rest } = spec;
  const [first = name, ...more] = names;
  const others = names.length === 0 ? tags : more;
  return {
    name: first,
    ...(others.length === 0 ? {} : { tags: others }),
    ...(dockerfile === undefined || file === undefined
      ? {}
      : { dockerfile: settingsOf(dockerfile, relative(context, file), context) }),
    ...rest,
  };
}

function settingsOf(
  { target, buildArgs = {}, contexts = {}, network }: DockerfileRequest,
  file: string,
  context: string,
): NonNullable<DescriptionFile["dockerfile"]> {
  const named = Object.entries(contexts).map(([name, what]) => [
    name,
    "folder" in what ? relative(context, what.folder) || "." : what.place,
  ]);
  return {
    file,
    ...(target === undefined ? {} : { target }),
    ...(Object.keys(buildArgs).length === 0 ? {} : { args: buildArgs }),
    ...(named.length === 0 ? {} : { contexts: Object.fromEntries(named) }),
    ...(network === undefined || network === "none" ? {} : { network }),
  };
}
