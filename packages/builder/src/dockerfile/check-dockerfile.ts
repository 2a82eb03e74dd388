import { readIgnoreFile } from "../list/ignore.ts";
import { stageFindings } from "./check-stages.ts";
import { writingFindings } from "./check-writing.ts";
import { parseCheck } from "./directives.ts";
import { locate, type Place, type SourceLocation } from "./dockerfile-error.ts";
import type { Dockerfile, Instruction } from "./syntax.ts";

/** Something in a Dockerfile that builds, and that its writer may not have meant. */
export interface DockerfileWarning {
  /** BuildKit's name of the rule, which `# check=skip=` takes. */
  readonly rule: CheckRule;
  readonly message: string;
  /** Where the rule is explained. */
  readonly url: string;
  readonly location: SourceLocation;
}

/** The rules of `docker build --check`. */
export type CheckRule =
  | "ConsistentInstructionCasing"
  | "CopyIgnoredFile"
  | "DuplicateStageName"
  | "ExposeInvalidFormat"
  | "ExposeProtoCasing"
  | "FromAsCasing"
  | "FromPlatformFlagConstDisallowed"
  | "InvalidDefaultArgInFrom"
  | "InvalidDefinitionDescription"
  | "JSONArgsRecommended"
  | "LegacyKeyValueFormat"
  | "MaintainerDeprecated"
  | "MultipleInstructionsDisallowed"
  | "NoEmptyContinuation"
  | "RedundantTargetPlatform"
  | "ReservedStageName"
  | "SecretsUsedInArgOrEnv"
  | "StageNameCasing"
  | "UndefinedArgInFrom"
  | "UndefinedVar"
  | "WorkdirRelativePath";

export interface CheckOptions {
  /** The folder that is copied from, absolute, whose ignore file leaves things out. Default: nothing is known of it. */
  readonly context?: string | undefined;
  /** As in `BuildSpec`. */
  readonly ignoreFile?: string | undefined;
  /**
   * The variables that a base image sets; undefined when that is not known, and then only names that are
   * nearly one of the Dockerfile's are said to be undefined.
   */
  readonly baseVariables?: ((image: string) => Iterable<string> | undefined) | undefined;
}

/** What a rule found, and in which instruction: the comments above it may say to skip the rule. */
export interface Finding {
  readonly rule: CheckRule;
  readonly message: string;
  readonly place: Place;
  readonly instruction: Instruction;
}

// BuildKit asks for them only where `# check=experimental=` does.
const experimental: ReadonlySet<CheckRule> = new Set(["InvalidDefinitionDescription"]);

/**
 * Checks a Dockerfile by the rules of BuildKit's linter, in all of its stages. What `# check=skip=` names is left
 * out; whether the rest is an error (`error=true`) is in `file.check`. Throws BuildError for an ignore file that cannot be
 * read.
 */
export function checkDockerfile(file: Dockerfile, options: CheckOptions = {}): DockerfileWarning[] {
  const { context, ignoreFile, baseVariables } = options;
  const ignore = context === undefined ? undefined : readIgnoreFile(context, ignoreFile);
  return [...writingFindings(file), ...stageFindings(file, { ignore, baseVariables })]
    .filter((finding) => isWanted(finding, file))
    .map(({ rule, message, place }) => ({ rule, message, url: urlOf(rule), location: locate(file, place) }))
    .sort((a, b) => a.location.line - b.location.line || a.location.column - b.location.column);
}

function isWanted({ rule, instruction }: Finding, { check }: Dockerfile): boolean {
  const own = instruction.comments?.map(checkComment).find((found) => found !== undefined);
  const names = (rules: readonly string[] | "all" | undefined): boolean =>
    rules === "all" || rules?.includes(rule) === true;
  return experimental.has(rule)
    ? names(check?.experimental) || names(own?.experimental)
    : !names(check?.skip) && !names(own?.skip);
}

/** What a comment above an instruction says of its warnings. */
function checkComment(comment: string): Dockerfile["check"] {
  const value = /^check\s*=\s*(\S.*)$/i.exec(comment)?.[1];
  if (value === undefined) return undefined;
  try {
    return parseCheck(value, (message) => new SyntaxError(message));
  } catch {
    return undefined;
  }
}

function urlOf(rule: CheckRule): string {
  const kebab = rule.replaceAll(/(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])/g, "-").toLowerCase();
  return `https://docs.docker.com/reference/build-checks/${kebab}/`;
}
