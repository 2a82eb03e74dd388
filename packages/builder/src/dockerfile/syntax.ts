/*
 * What a Dockerfile says, before anything is expanded or looked up: the grammar's result and the
 * evaluation's input (docs.docker.com/reference/dockerfile).
 */

/** Where something begins; both count from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** A piece of an instruction as written: quotes and variables are still in it (`expandWord`). */
export interface Word extends Position {
  readonly text: string;
}

/** A command line, which never has variables expanded here. */
export type CommandForm =
  /** For the stage's SHELL. */
  { readonly form: "shell"; readonly line: string } | { readonly form: "exec"; readonly argv: readonly string[] };

/** A file written in the Dockerfile itself (`<<EOF`). */
export interface Heredoc extends Position {
  /** The word after `<<`, which is the file's name for COPY and ADD. */
  readonly name: string;
  /** The tabs its lines began with are gone if it was `<<-`. */
  readonly content: string;
  /** Whether variables are expanded: the word had no quotes. */
  readonly expand: boolean;
}

interface Common extends Position {
  /** Line of the last character. */
  readonly endLine: number;
  /** As written, on one line: what the history and messages call it. Heredocs are not in it. */
  readonly text: string;
  /** The comments right above it. */
  readonly comments?: readonly string[];
  /** The blank lines in it, which continue it. */
  readonly blankLines?: readonly number[];
}

export interface Assignment {
  readonly name: Word;
  readonly value: Word;
}

export interface FromInstruction extends Common {
  readonly keyword: "FROM";
  readonly image: Word;
  readonly platform?: Word | undefined;
  /** The stage's name, in lower case. */
  readonly as?: Word | undefined;
}

export interface ArgInstruction extends Common {
  readonly keyword: "ARG";
  readonly args: readonly { readonly name: Word; readonly value?: Word }[];
}

interface Transfer extends Common {
  readonly sources: readonly Word[];
  readonly heredocs: readonly Heredoc[];
  readonly destination: Word;
  readonly chown?: Word | undefined;
  readonly chmod?: Word | undefined;
  readonly link: boolean;
  readonly exclude: readonly Word[];
}

export interface CopyInstruction extends Transfer {
  readonly keyword: "COPY";
  readonly from?: Word | undefined;
  readonly parents: boolean;
}

export interface AddInstruction extends Transfer {
  readonly keyword: "ADD";
  readonly checksum?: Word | undefined;
  readonly keepGitDir?: boolean | undefined;
  /** Default: local archives are unpacked, remote ones are not. */
  readonly unpack?: boolean | undefined;
}

export interface RunInstruction extends Common {
  readonly keyword: "RUN";
  readonly command: CommandForm;
  readonly heredocs: readonly Heredoc[];
  /** `type=cache,target=/x`, not yet taken apart. */
  readonly mounts: readonly Word[];
  readonly network?: Word | undefined;
  readonly security?: Word | undefined;
}

export interface HealthcheckInstruction extends Common {
  readonly keyword: "HEALTHCHECK";
  /** Absent for NONE. */
  readonly command?: CommandForm | undefined;
  readonly interval?: Word | undefined;
  readonly timeout?: Word | undefined;
  readonly startPeriod?: Word | undefined;
  readonly startInterval?: Word | undefined;
  readonly retries?: Word | undefined;
}

interface Pairs<Keyword> extends Common {
  readonly keyword: Keyword;
  readonly pairs: readonly Assignment[];
  /** Written as `ENV name value`. */
  readonly legacy?: boolean;
}

interface OneValue<Keyword> extends Common {
  readonly keyword: Keyword;
  readonly value: Word;
}

export type Instruction =
  | FromInstruction
  | ArgInstruction
  | CopyInstruction
  | AddInstruction
  | RunInstruction
  | HealthcheckInstruction
  | Pairs<"ENV">
  | Pairs<"LABEL">
  | (Common & { readonly keyword: "CMD" | "ENTRYPOINT"; readonly command: CommandForm })
  | (Common & { readonly keyword: "SHELL"; readonly argv: readonly string[] })
  | OneValue<"WORKDIR">
  | OneValue<"USER" | "STOPSIGNAL" | "MAINTAINER">
  | (Common & { readonly keyword: "EXPOSE" | "VOLUME"; readonly values: readonly Word[] })
  /** The instruction waits for the images that are built on this one. */
  | (Common & { readonly keyword: "ONBUILD"; readonly trigger: Instruction });

export interface StageSyntax {
  readonly from: FromInstruction;
  readonly instructions: readonly Instruction[];
}

export interface Dockerfile {
  /** As messages call it. */
  readonly name: string;
  /** Its lines, for messages that quote one. */
  readonly lines: readonly string[];
  readonly escape: "\\" | "`";
  /** The image of a front end that `# syntax=` names. */
  readonly syntax?: string;
  /** What `# check=` says of warnings. */
  readonly check?: {
    readonly skip: readonly string[] | "all";
    readonly experimental?: readonly string[] | "all";
    readonly error: boolean;
  };
  /** Before the first FROM. */
  readonly args: readonly ArgInstruction[];
  readonly stages: readonly StageSyntax[];
}
