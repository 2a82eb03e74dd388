import { inspect } from "node:util";
import type { DockerfileError } from "@lading/builder";
import { ConfigError, type ConfigIssue } from "./config/config-error.ts";
import { printable, type Style } from "./progress/terminal.ts";
import { UsageError } from "./usage.ts";

/** The only place where errors become text: what failed, why, and what to do next. Ends with a line end. */
export function explain(error: unknown, style: Style, options: { readonly verbose?: boolean } = {}): string {
  const lines = hasIssues(error) ? explainIssues(error.issues, style) : explainChain(error, style);
  if (options.verbose === true && error instanceof Error && error.stack !== undefined)
    lines.push(style.dim(printable(stacks(error), true)));
  return `${lines.join("\n")}\n`;
}

// As docker's: its own failures, and the two that a shell has for programs.
const runCodes: Readonly<Record<string, number>> = { COMMAND_NOT_EXECUTABLE: 126, COMMAND_NOT_FOUND: 127 };

/**
 * 2 for what the user wrote, 130 for an interruption, else 1. With `program` the exit code is a
 * container's program's but for these: 125, and 126 and 127 when it could not begin.
 */
export function exitCode(error: unknown, { program = false }: { readonly program?: boolean } = {}): number {
  if (isAbort(error)) return 130;
  if (program)
    return error instanceof Error && error.name === "RunnerError" ? (runCodes[codeOf(error) ?? ""] ?? 125) : 125;
  if (error instanceof UsageError || error instanceof ConfigError) return 2;
  return codeOf(error) === "SPEC" ? 2 : 1;
}

/** Whether the user, and nothing else, stopped the work. */
function isAbort(error: unknown): boolean {
  return error instanceof Error && (error.name === "AbortError" || codeOf(error) === "ABORT_ERR");
}

function explainChain(error: unknown, style: Style): string[] {
  const [first = "Unknown error", ...rest] = messages(error);
  // Line ends come from names only; as they are, they could forge lines that a CI takes for its own commands.
  const lines = [`${style.red(style.bold("error:"))} ${printable(first)}`];
  for (const message of rest) lines.push(`  ${style.dim("because:")} ${printable(message)}`);
  const hint = hintOf(error);
  if (hint !== undefined) lines.push(`${style.cyan("hint:")} ${printable(hint)}`);
  return lines;
}

// By its name: who builds no Dockerfile has not loaded what reads them.
function hasIssues(error: unknown): error is ConfigError | DockerfileError {
  return error instanceof ConfigError || (error instanceof Error && error.name === "DockerfileError");
}

function explainIssues(issues: readonly ConfigIssue[], style: Style): string[] {
  return issues.flatMap((issue) => explainIssue("error", issue, style));
}

/** Lines that tell one thing wrong with a file, and show it where it stands. */
export function explainIssue(kind: "error" | "warning", issue: ConfigIssue, style: Style): string[] {
  const colour = kind === "error" ? style.red : style.yellow;
  const lines = [`${colour(style.bold(`${kind}:`))} ${printable(issue.message)}`];
  const { location } = issue;
  if (location !== undefined) {
    const gutter = String(location.line + 1).length;
    // Of a very long line, the part around what is wrong.
    const from = location.column > shownWidth ? location.column - shownWidth / 2 : 0;
    // A tab takes one column, or the mark would stand elsewhere.
    const part = (text: string): string =>
      printable(text.slice(from, from + shownWidth).replaceAll("\t", " ")).trimEnd();
    const marked = Math.min(location.length, from + shownWidth - location.column + 1);
    lines.push(`  ${style.dim("-->")} ${printable(location.file)}:${location.line}:${location.column}`);
    for (const { number, text } of location.context)
      lines.push(`  ${style.dim(`${String(number).padStart(gutter)} |`)} ${part(text)}`.trimEnd());
    lines.push(
      `  ${style.dim(`${" ".repeat(gutter)} |`)} ${" ".repeat(location.column - 1 - from)}${colour("^".repeat(marked))}`,
    );
  }
  if (issue.hint !== undefined) lines.push(`${style.cyan("hint:")} ${printable(issue.hint)}`);
  return lines;
}

const shownWidth = 160;

// A message that a later one repeats (wrappers often quote their cause) is told once.
export function messages(error: unknown): string[] {
  const found: string[] = [];
  let at: unknown = error;
  for (let depth = 0; at !== undefined && at !== null && depth < 8; depth++) {
    const message = at instanceof Error ? at.message || at.name : inspect(at);
    const parts = at instanceof AggregateError && at.cause === undefined ? at.errors.map(messageOf) : [];
    // One that only lists its parts is told by them.
    const own = parts.length > 0 && parts.every((part) => message.includes(part)) ? [] : [message];
    if (!found.some((before) => own.some((text) => before.includes(text)))) found.push(...own);
    found.push(...parts);
    at = at instanceof Error && !tellsItsCause(at) ? at.cause : undefined;
  }
  return found;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

// A registry's error says in words what a library or the system said in its own; --verbose shows both.
function tellsItsCause({ name, cause }: Error): boolean {
  return name === "RegistryError" && cause instanceof Error && !["RegistryError", "OciError"].includes(cause.name);
}

const systemHints: Readonly<Record<string, string>> = {
  ENOSPC: "Free some space, or set LADING_CACHE_DIR and --output to a disk that has it",
  EDQUOT: "The disk quota is used up: free some space, or write elsewhere with --output and LADING_CACHE_DIR",
  EMFILE: "Raise the limit on open files: ulimit -n 4096",
};

function hintOf(error: unknown): string | undefined {
  let at: unknown = error;
  for (let depth = 0; at instanceof Error && depth < 8; depth++) {
    if ("hint" in at && typeof at.hint === "string") return at.hint;
    const code = codeOf(at);
    if (code !== undefined && Object.hasOwn(systemHints, code)) return systemHints[code];
    at = at.cause;
  }
  return undefined;
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

function stacks(error: Error): string {
  const own = error.stack ?? "";
  return error.cause instanceof Error ? `${own}\ncaused by: ${stacks(error.cause)}` : own;
}
