import { parsePlatform } from "@lading/oci";
import type { DockerfileRequest } from "./dockerfile-request.ts";
import { platformArgs } from "./platform-args.ts";
import type { AddInstruction, Instruction, Position, StageSyntax } from "./syntax.ts";
import { globalScope, type KnownVariables, stageScope, type VariableScope } from "./variable-scope.ts";

/** What ADD fetches and says no checksum of, in stages that are built or not. */
export interface DockerfileUrls {
  readonly urls: readonly string[];
  /** Those that have no value before a build, as a base image may set their variables. */
  readonly unknown: readonly UnknownUrl[];
}

/** A URL that only a build knows. */
export interface UnknownUrl extends Position {
  /** As written. */
  readonly text: string;
  /** Its variables, as far as they are not known. */
  readonly variables: readonly string[];
}

/** The URLs of a Dockerfile for each of `platforms` (`os/arch`), with the arguments that a build would be given. */
export function dockerfileUrls(
  { file, target, buildArgs = {} }: Pick<DockerfileRequest, "file" | "target" | "buildArgs">,
  platforms: readonly string[],
): DockerfileUrls {
  const urls = new Set<string>();
  const unknown = new Map<AddInstruction["sources"][number], UnknownUrl>();
  for (const platform of platforms) {
    const known = { given: buildArgs, platform: platformArgs(parsePlatform(platform), target, buildArgs) };
    for (const { instruction, scope } of withScopes(file, known))
      for (const word of urlWords(instruction)) {
        const { text: value, missing, used } = scope.expand(word.text);
        if (value !== undefined && isWebUrl(value)) urls.add(value);
        if (value !== undefined) continue;
        const variables = [...missing, ...used.filter((name) => !scope.knows(name))];
        unknown.set(word, { text: word.text, line: word.line, column: word.column, variables });
      }
  }
  return { urls: [...urls], unknown: [...unknown.values()] };
}

/** Each instruction with the variables at its place. */
function* withScopes(
  file: DockerfileRequest["file"],
  known: KnownVariables,
): Generator<{ readonly instruction: Instruction; readonly scope: VariableScope }> {
  const global = globalScope(file, known);
  const stages = new Map<string, VariableScope>();
  for (const stage of file.stages) {
    const scope = stageScope(stage, global, stages, known);
    for (const instruction of stage.instructions) {
      yield { instruction, scope };
      scope.apply(instruction, global, known.given);
    }
    remember(stage, scope, stages);
  }
}

function remember({ from }: StageSyntax, scope: VariableScope, stages: Map<string, VariableScope>): void {
  if (from.as !== undefined) stages.set(from.as.text, scope);
}

/** The sources of an ADD without a checksum that are a URL, or may be one. */
function urlWords(instruction: Instruction): AddInstruction["sources"] {
  if (instruction.keyword !== "ADD" || instruction.checksum !== undefined) return [];
  return instruction.sources.filter(({ text }) => /^["']?https?:\/\//.test(text) || /^[^:/]*\$/.test(text));
}

function isWebUrl(text: string): boolean {
  return /^https?:\/\//.test(text);
}
