import { parsePlatform } from "@lading/oci";
import { distance } from "fastest-levenshtein";
import { BuildError } from "../errors.ts";
import { cleanPath, type Matcher } from "../list/patterns.ts";
import { nearest } from "../nearest.ts";
import type { CheckOptions, Finding } from "./check-dockerfile.ts";
import { expandHeredoc, expandWord } from "./expand-word.ts";
import { splitPort } from "./instruction-values.ts";
import { isPlace } from "./stages.ts";
import type { Dockerfile, Instruction, StageSyntax, Word } from "./syntax.ts";
import { globalScope, stageScope, type VariableScope } from "./variable-scope.ts";

/** What is known beside the Dockerfile. */
interface Known extends Pick<CheckOptions, "baseVariables"> {
  /** What is left out of the context. */
  readonly ignore: Matcher | undefined;
}

/** What can be told by going through the stages: which variables are not there, and what comes of those that are. */
export function* stageFindings(file: Dockerfile, options: Known): Generator<Finding> {
  const global = globalScope(file);
  const stages = new Map<string, VariableScope>();
  for (const stage of file.stages) {
    yield* fromFindings(stage, global);
    const scope = stageScope(stage, global, stages, options);
    for (const instruction of stage.instructions) {
      yield* undefinedVariables(instruction, scope);
      yield* valueFindings(instruction, scope, options);
      scope.apply(instruction, global);
    }
    if (stage.from.as !== undefined) stages.set(stage.from.as.text, scope);
  }
}

function* fromFindings({ from }: StageSyntax, global: VariableScope): Generator<Finding> {
  const found = (rule: Finding["rule"], place: Word, message: string): Finding => ({
    rule,
    place,
    message,
    instruction: from,
  });
  for (const word of [from.image, from.platform])
    for (const name of word === undefined ? [] : global.expand(word.text).missing)
      yield found(
        "UndefinedArgInFrom",
        word ?? from.image,
        `No ARG before the first FROM declares $${name}${meant(name, global)}`,
      );
  // An argument without a default is empty unless the command line says more.
  const plain = defaultImage(from.image.text, global);
  if (plain !== undefined && !isPlace(plain))
    yield found(
      "InvalidDefaultArgInFrom",
      from.image,
      `With the defaults of its arguments, "${from.image.text}" names no image`,
    );
  const { platform } = from;
  if (platform === undefined) return;
  const { used, missing, text } = global.expand(platform.text);
  if (/^\$(?:TARGETPLATFORM|\{TARGETPLATFORM\})$/.test(platform.text))
    yield found("RedundantTargetPlatform", platform, `--platform=${platform.text} is what FROM means without it`);
  if (used.length === 0 && missing.length === 0 && text !== undefined && !isNamedAfter(from.as?.text ?? "", text))
    yield found("FromPlatformFlagConstDisallowed", platform, `--platform is always "${text}", whatever is built for`);
}

/** The image when the command line gives no arguments. */
function defaultImage(text: string, global: VariableScope): string | undefined {
  try {
    const lookup = (name: string): string | undefined =>
      global.args.has(name) && !global.unset.has(name) ? (global.args.get(name) ?? "x") : undefined;
    return expandWord(text, lookup, { escape: global.escape });
  } catch (error) {
    if (error instanceof BuildError) return undefined;
    throw error;
  }
}

/** Whether a stage's name says that it is for the platform. */
function isNamedAfter(stage: string, platform: string): boolean {
  try {
    const { os, architecture } = parsePlatform(platform);
    return stage.includes(os) || stage.includes(architecture);
  } catch {
    return true;
  }
}

function* undefinedVariables(instruction: Instruction, scope: VariableScope): Generator<Finding> {
  for (const { word, missing } of expanded(instruction, scope))
    for (const name of missing) {
      const near = nearest(name, scope.names);
      // A base may well set it, and does not set it for a slip of the pen.
      if (scope.open && (near === undefined || distance(name, near) > 2)) continue;
      yield {
        rule: "UndefinedVar",
        place: word,
        message: `$${name} is not defined here${meant(name, scope)}`,
        instruction,
      };
    }
}

function meant(name: string, scope: VariableScope): string {
  const near = nearest(name, scope.names);
  return near === undefined ? "" : `: did you mean $${near}?`;
}

function* expanded(
  instruction: Instruction,
  scope: VariableScope,
): Generator<{ word: Word; missing: readonly string[] }> {
  for (const word of expandedWords(instruction)) yield { word, missing: scope.expand(word.text).missing };
  if (instruction.keyword !== "COPY" && instruction.keyword !== "ADD") return;
  for (const heredoc of instruction.heredocs)
    if (heredoc.expand)
      yield {
        word: { text: `<<${heredoc.name}`, line: heredoc.line, column: heredoc.column },
        missing: scope.expand(heredoc.content, expandHeredoc).missing,
      };
}

/** The words of an instruction in which variables are expanded. */
function expandedWords(instruction: Instruction): readonly Word[] {
  switch (instruction.keyword) {
    case "ENV":
    case "LABEL":
      return instruction.pairs.flatMap(({ name, value }) => [name, value]);
    case "ARG":
      return instruction.args.flatMap(({ value }) => (value === undefined ? [] : [value]));
    case "COPY":
    case "ADD": {
      const { chown, chmod, sources, destination } = instruction;
      const checksum = instruction.keyword === "ADD" ? instruction.checksum : undefined;
      return [chown, chmod, checksum, ...sources, destination].filter((word) => word !== undefined);
    }
    case "RUN":
      return instruction.mounts;
    case "EXPOSE":
    case "VOLUME":
      return instruction.values;
    case "USER":
    case "WORKDIR":
    case "STOPSIGNAL":
      return [instruction.value];
    case "CMD":
    case "ENTRYPOINT":
    case "FROM":
    case "HEALTHCHECK":
    case "MAINTAINER":
    case "ONBUILD":
    case "SHELL":
      break;
  }
  return [];
}

function* valueFindings(instruction: Instruction, scope: VariableScope, { ignore }: Known): Generator<Finding> {
  const found = (rule: Finding["rule"], place: Finding["place"], message: string): Finding => ({
    rule,
    place,
    message,
    instruction,
  });
  if (instruction.keyword === "CMD" || instruction.keyword === "ENTRYPOINT") {
    if (instruction.command.form === "shell" && !scope.hasShell)
      yield found(
        "JSONArgsRecommended",
        instruction,
        `${instruction.keyword} starts a shell, which does not hand signals on: write a JSON array`,
      );
  } else if (instruction.keyword === "WORKDIR") {
    const path = scope.expand(instruction.value.text).text;
    if (!scope.hasWorkdir && path !== undefined && !/^(?:[/\\]|[A-Za-z]:[/\\])/.test(path))
      yield found("WorkdirRelativePath", instruction.value, `WORKDIR "${path}" is relative to the base image's`);
  } else if (instruction.keyword === "EXPOSE") {
    for (const word of instruction.values)
      for (const port of scope.expand(word.text).text?.split(/\s+/) ?? []) {
        const { host, container } = splitPort(port);
        if (container !== container.toLowerCase())
          yield found("ExposeProtoCasing", word, `The protocol of "${port}" is not in lower case`);
        if (host !== "")
          yield found("ExposeInvalidFormat", word, `EXPOSE "${port}" names the host, which it cannot say anything of`);
      }
  } else if ((instruction.keyword === "COPY" && instruction.from === undefined) || instruction.keyword === "ADD")
    for (const word of instruction.sources) {
      const source = scope.expand(word.text).text;
      if (source !== undefined && ignore !== undefined && isIgnored(source, ignore))
        yield found(
          "CopyIgnoredFile",
          word,
          `${instruction.keyword} takes "${source}", which ${ignore.source ?? "the ignore file"} leaves out`,
        );
    }
}

function isIgnored(source: string, ignore: Matcher): boolean {
  if (/^[a-z][a-z0-9+.-]*:\/\/|^git@/i.test(source)) return false;
  const path = cleanPath(source).replace(/^\//, "");
  // What may be taken back in a folder, nobody can tell without looking.
  if (path === "" || path === ".")
    return (
      ignore.patterns.every((pattern) => !pattern.startsWith("!")) &&
      ignore.patterns.some((pattern) => ["*", "**", "**/*"].includes(pattern))
    );
  return ignore.matches(path) && !ignore.scope(path).mayChange(true);
}
