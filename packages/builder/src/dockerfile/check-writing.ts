import type { Finding } from "./check-dockerfile.ts";
import type { Dockerfile, FromInstruction, Instruction, StageSyntax, Word } from "./syntax.ts";

/** What can be told from how a Dockerfile is written, whatever its variables are. */
export function* writingFindings(file: Dockerfile): Generator<Finding> {
  yield* casing(file);
  yield* stageNames(file);
  for (const args of file.args) yield* alone(args);
  for (const stage of file.stages) {
    yield* alone(stage.from);
    yield* overridden(stage);
    for (const instruction of stage.instructions) yield* alone(instruction);
  }
}

/** Keywords that are not written as most are. */
function* casing({ stages }: Dockerfile): Generator<Finding> {
  const instructions = stages.flatMap((stage) => [stage.from, ...stage.instructions]);
  const lower = instructions.filter((instruction) => isLower(keywordOf(instruction))).length;
  const upper = instructions.filter((instruction) => isUpper(keywordOf(instruction))).length;
  const [fits, wanted] = lower > upper ? [isLower, "lower"] : [isUpper, "upper"];
  for (const instruction of instructions) {
    const text = keywordOf(instruction);
    if (fits(text)) continue;
    yield {
      rule: "ConsistentInstructionCasing",
      message: `"${text}" is not in ${wanted} case, as most instructions are`,
      place: { ...instruction, text },
      instruction,
    };
  }
}

function keywordOf({ text }: Instruction): string {
  return /^\S*/.exec(text)?.[0] ?? "";
}

const isLower = (text: string): boolean => text === text.toLowerCase();
const isUpper = (text: string): boolean => text === text.toUpperCase();

function* stageNames(file: Dockerfile): Generator<Finding> {
  const names = new Set<string>();
  for (const { from } of file.stages) {
    if (from.as === undefined) continue;
    const { as } = from;
    const found = (rule: Finding["rule"], message: string): Finding => ({
      rule,
      message,
      place: as,
      instruction: from,
    });
    const written = (file.lines[as.line - 1] ?? "").slice(as.column - 1, as.column - 1 + as.text.length);
    if (!isLower(written)) yield found("StageNameCasing", `Stage name "${written}" is kept as "${as.text}"`);
    if (as.text === "scratch" || as.text === "context")
      yield found("ReservedStageName", `Stage name "${as.text}" means something else already`);
    if (names.has(as.text)) yield found("DuplicateStageName", `Another stage is named "${as.text}" already`);
    names.add(as.text);
    yield* asCasing(from);
  }
}

function* asCasing(from: FromInstruction): Generator<Finding> {
  const keyword = keywordOf(from);
  const [as = "", name = ""] = from.text.split(/\s+/).slice(-2);
  const fits = isLower(keyword) ? isLower : isUpper(keyword) ? isUpper : undefined;
  if (fits === undefined || fits(as)) return;
  const place = {
    line: from.as?.line ?? from.line,
    column: Math.max(1, (from.as?.column ?? 1) - 1 - as.length),
    text: as,
  };
  yield {
    rule: "FromAsCasing",
    message: `"${as}" before "${name}" is not in the case of "${keyword}"`,
    place,
    instruction: from,
  };
}

/** CMD and its like that a later one of the stage takes the place of. */
function* overridden({ instructions }: StageSyntax): Generator<Finding> {
  for (const keyword of ["CMD", "ENTRYPOINT", "HEALTHCHECK"])
    for (const instruction of instructions.filter((found) => found.keyword === keyword).slice(0, -1))
      yield {
        rule: "MultipleInstructionsDisallowed",
        message: `A later ${keyword} of this stage takes the place of this one`,
        place: instruction,
        instruction,
      };
}

/** What an instruction shows by itself. */
function* alone(instruction: Instruction): Generator<Finding> {
  const found = (rule: Finding["rule"], message: string, place: Finding["place"] = instruction): Finding => ({
    rule,
    message,
    place,
    instruction,
  });
  const [blank] = instruction.blankLines ?? [];
  if (blank !== undefined)
    yield found("NoEmptyContinuation", "A blank line stands inside an instruction", { line: blank, column: 1 });
  if (instruction.keyword === "MAINTAINER")
    yield found("MaintainerDeprecated", "MAINTAINER is deprecated: write LABEL org.opencontainers.image.authors=…");
  if ((instruction.keyword === "ENV" || instruction.keyword === "LABEL") && instruction.legacy === true)
    yield found("LegacyKeyValueFormat", `Write ${instruction.keyword} name=value: without "=" it is deprecated`);
  for (const name of settings(instruction))
    if (looksSecret(name.text))
      yield found(
        "SecretsUsedInArgOrEnv",
        `${instruction.keyword} ${name.text} looks like a secret, and whoever has the image can read it: use RUN --mount=type=secret`,
        name,
      );
  const described = definitions(instruction);
  const comment = instruction.comments?.at(-1);
  if (comment !== undefined && described.length > 0 && !described.includes(comment.split(" ", 1)[0] ?? ""))
    yield found("InvalidDefinitionDescription", `The comment above does not begin with "${described.join('" or "')}"`);
}

function settings(instruction: Instruction): readonly Word[] {
  if (instruction.keyword === "ENV") return instruction.pairs.map((pair) => pair.name);
  return instruction.keyword === "ARG" ? instruction.args.map((arg) => arg.name) : [];
}

/** What a comment above an instruction may describe. */
function definitions(instruction: Instruction): readonly string[] {
  if (instruction.keyword === "ARG") return instruction.args.map((arg) => arg.name.text);
  return instruction.keyword === "FROM" && instruction.as !== undefined ? [instruction.as.text] : [];
}

function looksSecret(name: string): boolean {
  const words = new Set(name.toLowerCase().split("_"));
  const has = (candidates: readonly string[]): boolean => candidates.some((candidate) => words.has(candidate));
  return has(secretWords) && !has(harmlessWords);
}

const secretWords: readonly string[] = [
  "apikey",
  "auth",
  "credential",
  "credentials",
  "key",
  "passwd",
  "password",
  "pword",
  "secret",
  "token",
];
const harmlessWords: readonly string[] = ["public", "file", "version"];
