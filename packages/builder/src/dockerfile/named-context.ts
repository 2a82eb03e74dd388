import type { DockerfileRequest } from "./dockerfile-request.ts";

type Contexts = NonNullable<DockerfileRequest["contexts"]>;

/**
 * What `--build-context` says of a name in FROM or --from, be it that of a stage or an image; images are compared as docker writes
 * them, without docker.io, library and latest.
 */
export function namedContext(contexts: Contexts | undefined, name: string): Contexts[string] | undefined {
  if (contexts === undefined) return undefined;
  if (Object.hasOwn(contexts, name)) return contexts[name];
  const wanted = familiar(name);
  return Object.entries(contexts).find(([given]) => familiar(given) === wanted)?.[1];
}

function familiar(name: string): string {
  return name
    .toLowerCase()
    .replace(/^(?:index\.)?docker\.io\//, "")
    .replace(/^library\//, "")
    .replace(/:latest$/, "");
}
