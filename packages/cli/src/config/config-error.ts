/** One thing wrong with a build description, and where. */
export interface ConfigIssue {
  readonly message: string;
  readonly hint?: string | undefined;
  readonly location?: SourceLocation | undefined;
}

/** A place in a file; line and column count from 1. */
export interface SourceLocation {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** Characters to mark. */
  readonly length: number;
  /** The line, and what is worth seeing before it. */
  readonly context: readonly { readonly number: number; readonly text: string }[];
}

/** A build description that cannot be used: exit code 2. */
export class ConfigError extends Error {
  override readonly name: string = "ConfigError";
  readonly issues: readonly ConfigIssue[];

  constructor(issues: readonly ConfigIssue[], options?: ErrorOptions) {
    super(issues.map((issue) => issue.message).join("\n"), options);
    this.issues = issues;
  }
}
