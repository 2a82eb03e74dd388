import type { SourceLocation } from "@lading/builder";

/** One thing wrong with a build description, and where. */
export interface ConfigIssue {
  readonly message: string;
  readonly hint?: string | undefined;
  readonly location?: SourceLocation | undefined;
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
