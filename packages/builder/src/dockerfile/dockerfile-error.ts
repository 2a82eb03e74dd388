import { BuildError } from "../errors.ts";
import type { Position } from "./syntax.ts";

/** A place in a text; line and column count from 1. */
export interface SourceLocation {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** Characters to mark. */
  readonly length: number;
  /** The line, and what is worth seeing before it. */
  readonly context: readonly { readonly number: number; readonly text: string }[];
}

/** One thing wrong with a Dockerfile. */
export interface DockerfileIssue {
  readonly message: string;
  /** What the user can do next. */
  readonly hint?: string | undefined;
  /** Absent when the file is empty. */
  readonly location?: SourceLocation | undefined;
}

/** A Dockerfile that cannot be built from: all that is wrong with it, as far as that can be told at once. */
export class DockerfileError extends BuildError {
  override readonly name: string = "DockerfileError";
  readonly issues: readonly DockerfileIssue[];

  /** The code is that of the cause when it is a BuildError, STEP for any other cause, and SPEC without one. */
  constructor(issues: readonly DockerfileIssue[], options?: ErrorOptions) {
    const hint = issues[0]?.hint;
    const cause = options?.cause;
    const code = cause instanceof BuildError ? cause.code : cause === undefined ? "SPEC" : "STEP";
    super(code, issues.map(oneLine).join("\n"), {
      ...options,
      ...(hint === undefined ? {} : { hint }),
    });
    this.issues = issues;
  }
}

function oneLine({ message, location }: DockerfileIssue): string {
  return location === undefined ? message : `${location.file}:${location.line}: ${message}`;
}

/** A part of a Dockerfile to mark: `text` is what stands there, if that is known. */
export type Place = Position & { readonly text?: string; readonly endLine?: number };

/** A Dockerfile as messages know it. */
export interface Quotable {
  readonly name: string;
  readonly lines: readonly string[];
}

/** Where a word or an instruction stands, to be shown. */
export function locate(file: Quotable, place: Place): SourceLocation {
  const { line, column } = place;
  const text = file.lines[line - 1] ?? "";
  const left = Math.max(1, text.trimEnd().length - column + 1);
  // A word may be written longer than it reads, but ends on its line for who looks at it.
  const length = Math.max(1, Math.min(place.text?.length ?? left, left));
  return { file: file.name, line, column, length, context: [{ number: line, text }] };
}

/** One issue as an error. */
export function dockerfileError(
  file: Quotable,
  place: Place,
  message: string,
  { hint, ...options }: { readonly hint?: string | undefined; readonly cause?: unknown } = {},
): DockerfileError {
  return new DockerfileError([{ message, hint, location: locate(file, place) }], options);
}

/** Does the work; what a BuildError of it says is said of the place. */
export function blame<T>(file: Quotable, place: Place, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof BuildError) || error.code !== "SPEC" || error instanceof DockerfileError) throw error;
    throw dockerfileError(file, place, error.message, { hint: error.hint, cause: error });
  }
}

/** Does the work; what a BuildError of it says, or a program that failed, is said of the place. */
export async function blaming<T>(file: Quotable, place: Place, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof DockerfileError || !(error instanceof Error)) throw error;
    const isTold = error instanceof BuildError || ["StepFailed", "RunnerError"].includes(error.name);
    if (!isTold) throw error;
    const hint = "hint" in error && typeof error.hint === "string" ? error.hint : undefined;
    throw dockerfileError(file, place, error.message, { hint, cause: error });
  }
}
