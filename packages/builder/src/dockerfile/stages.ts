import { parsePlace, type Platform } from "@lading/oci";
import { nearest } from "../nearest.ts";
import { blame, dockerfileError } from "./dockerfile-error.ts";
import type { DockerfileRequest } from "./dockerfile-request.ts";
import { expandWord, type Lookup } from "./expand-word.ts";
import { checkPlatform } from "./instruction-values.ts";
import { namedContext } from "./named-context.ts";
import { platformArgs } from "./platform-args.ts";
import type { StageSyntax, Word } from "./syntax.ts";

/** One stage with what FROM says of it. */
export interface Stage {
  readonly index: number;
  readonly syntax: StageSyntax;
  /** Expanded: the name of an earlier stage, of a context, a place, or "scratch". */
  readonly image: string;
  /** The earlier stage that it goes on from. */
  readonly parent: Stage | undefined;
  readonly platform: string | undefined;
  /** What an ARG without a value takes: of the ARGs before the first FROM, else of the platform. */
  readonly globals: ReadonlyMap<string, string>;
}

/** The stages of a Dockerfile in their order, and the one that is to be built. */
export interface Stages {
  readonly all: readonly Stage[];
  readonly target: Stage;
}

/**
 * Reads the FROM lines of a Dockerfile that is built for a platform: their variables are those of ARGs before them, of `buildArgs`,
 * and of the platform. Throws DockerfileError for a stage that is not there, and for a name that comes to nothing.
 */
export function readStages({ file, target, buildArgs = {} }: DockerfileRequest, platform: Platform): Stages {
  const globals = new Map(Object.entries(platformArgs(platform, target, buildArgs)));
  const missing = new Set<string>();
  const lookup: Lookup = (name) => {
    const value = globals.get(name);
    if (value === undefined) missing.add(name);
    return value;
  };
  const expand = (word: Word): string =>
    blame(file, word, () => expandWord(word.text, lookup, { escape: file.escape }));
  for (const { args } of file.args)
    for (const { name, value } of args) {
      const given = buildArgs[name.text] ?? (value === undefined ? undefined : expand(value));
      if (given !== undefined) globals.set(name.text, given);
    }

  const all: Stage[] = [];
  for (const [index, syntax] of file.stages.entries()) {
    const { from } = syntax;
    missing.clear();
    const image = expand(from.image);
    if (image === "" || (missing.size > 0 && !isPlace(image)))
      throw dockerfileError(file, from.image, `FROM ${from.image.text} comes to ${image === "" ? "nothing" : image}`, {
        hint: "Declare its variables by ARG before the first FROM, or give them with --build-arg NAME=VALUE",
      });
    const asked = from.platform === undefined ? "" : expand(from.platform);
    if (asked !== "") blame(file, from.platform ?? from, () => checkPlatform(asked));
    all.push({
      index,
      syntax,
      image,
      parent: all.findLast((stage) => nameOf(stage) === image.toLowerCase()),
      platform: asked === "" ? undefined : asked,
      globals,
    });
  }
  const chosen = target === undefined ? all.at(-1) : findStage(all, target);
  const [first] = all;
  if (chosen !== undefined) return { all, target: chosen };
  const names = all.flatMap((stage) => nameOf(stage) ?? []);
  const meant = nearest(target ?? "", names);
  throw dockerfileError(file, first?.syntax.from ?? { line: 1, column: 1 }, `There is no stage "${target}" to build`, {
    hint:
      meant !== undefined
        ? `Did you mean ${meant}?`
        : `Stages: ${names.length === 0 ? "none has a name" : names.join(", ")}`,
  });
}

/** What a name in --from stands for: a folder, a stage above, one that is not, or the place of an image. */
export type NamedSource =
  | { readonly folder: string }
  | { readonly stage: Stage }
  | { readonly notAbove: string }
  | { readonly place: string };

/** Looks up a name in --from of `stage`: a context goes before a stage, and a stage before an image. */
export function namedSource(
  name: string,
  { all }: Pick<Stages, "all">,
  { index }: Stage,
  contexts: DockerfileRequest["contexts"],
): NamedSource {
  const context = namedContext(contexts, name);
  if (context !== undefined) return context;
  const above = findStage(all.slice(0, index), name);
  if (above !== undefined) return { stage: above };
  // Nobody calls an image by a number.
  return findStage(all, name) !== undefined || /^\d+$/.test(name) ? { notAbove: name } : { place: name };
}

/** A stage by its name or its number. */
function findStage(stages: readonly Stage[], name: string): Stage | undefined {
  return (
    stages.findLast((stage) => nameOf(stage) === name.toLowerCase()) ??
    (/^\d+$/.test(name) ? stages[Number(name)] : undefined)
  );
}

/**
 * What a stage copies or mounts from, without quotes; names with variables are left out, as what they say depends on the stage, and
 * `--from=`, which is the context.
 */
export function namesCopied({ instructions }: StageSyntax): readonly string[] {
  const words = instructions.flatMap((instruction): readonly (string | undefined)[] => {
    if (instruction.keyword === "COPY") return [instruction.from?.text];
    if (instruction.keyword !== "RUN") return [];
    return instruction.mounts.map(({ text }) => /(?:^|,)from=([^,]+)/i.exec(text)?.[1]);
  });
  const known = words.flatMap((word) => {
    const name = word?.replace(/^(["'])(.*)\1$/, "$2") ?? "";
    return name === "" || name.includes("$") ? [] : [name];
  });
  return [...new Set(known)];
}

/** Whether a text may name an image, also one that is in no registry: FROM takes any place. */
export function isPlace(text: string): boolean {
  try {
    parsePlace(text);
    return true;
  } catch {
    return false;
  }
}

/** What the stage is called, in lower case; undefined when it is called nothing. */
function nameOf({ syntax }: Stage): string | undefined {
  return syntax.from.as?.text.toLowerCase();
}
