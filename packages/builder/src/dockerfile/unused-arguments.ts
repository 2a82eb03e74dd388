import { nearest } from "../nearest.ts";
import type { Dockerfile, Instruction } from "./syntax.ts";

/** Known to every Dockerfile (docs.docker.com, "Predefined ARGs"). */
export const predefinedArgs: ReadonlySet<string> = new Set(
  ["HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"].flatMap((name) => [name, name.toLowerCase()]),
);

/** The names that ARG declares anywhere in a Dockerfile. */
export function declaredArgs({ args, stages }: Pick<Dockerfile, "args" | "stages">): Set<string> {
  const all: readonly Instruction[] = [...args, ...stages.flatMap(({ instructions }) => instructions)];
  return new Set(all.flatMap((one) => (one.keyword === "ARG" ? one.args.map(({ name }) => name.text) : [])));
}

/** A warning for each argument that was given and that nothing takes. */
export function unusedArgs(given: readonly string[], declared: ReadonlySet<string>): readonly string[] {
  return given
    .filter((name) => !declared.has(name) && !predefinedArgs.has(name) && !isForBuilder(name))
    .map((name) => {
      const meant = nearest(name, [...declared]);
      const hint = meant === undefined ? "" : `: did you mean "${meant}"?`;
      return `No ARG takes the build argument "${name}"${hint}`;
    });
}

/** What tools give to any build, for BuildKit to act on. */
function isForBuilder(name: string): boolean {
  return name.startsWith("BUILDKIT_") || name === "SOURCE_DATE_EPOCH";
}
