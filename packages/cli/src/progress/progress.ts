import type { BuildEvent } from "@lading/builder";
import type { BlobEvent, BlobOutcome } from "./blob-events.ts";
import { JsonProgress } from "./progress-json.ts";
import { PlainProgress } from "./progress-plain.ts";
import { TerminalProgress } from "./progress-terminal.ts";
import { styleFor } from "./terminal.ts";

/** What a command tells while it works: the builder's events, and writing to a place. */
export type ProgressEvent =
  | BuildEvent
  | BlobEvent
  /** Something that the user should know, and need not mend. */
  | { readonly type: "note"; readonly message: string }
  /** A registry is asked again after a wait, in milliseconds. */
  | {
      readonly type: "retry";
      readonly registry: string;
      readonly message: string;
      /** The number of the next try, of `attempts`. */
      readonly attempt: number;
      readonly attempts: number;
      readonly wait: number;
      /** Whether the registry asked for the wait. */
      readonly asked: boolean;
    }
  /**
   * A file of the web is fetched; `url` is without secrets, so that several may have the same, and `size` undefined when the server
   * does not say.
   */
  | { readonly type: "download-start"; readonly id: string; readonly url: string; readonly size: number | undefined }
  | { readonly type: "download-progress"; readonly id: string; readonly url: string; readonly done: number }
  | {
      readonly type: "download-done";
      readonly id: string;
      readonly url: string;
      readonly size: number;
      readonly ms: number;
    }
  /** Content of a place is read and held against its digests. */
  | { readonly type: "verify-start"; readonly place: string }
  | { readonly type: "verify-progress"; readonly place: string; readonly done: number }
  | { readonly type: "verify-done"; readonly place: string; readonly size: number; readonly ms: number }
  | { readonly type: "write-start"; readonly place: string }
  | { readonly type: "write-progress"; readonly place: string; readonly done: number }
  | {
      readonly type: "write-done";
      readonly place: string;
      readonly size: number;
      readonly unchanged: boolean;
      /** Of a copy from or to a registry. */
      readonly blobs?: Readonly<Record<BlobOutcome, number>>;
      readonly referrers?: number;
      readonly ms: number;
    };

/** Shows events to a person or a program; after `end` nothing transient is left on the screen. */
export interface Progress {
  /** Whether lines that were written stay: then a summary need not repeat them. */
  readonly lasting: boolean;
  event(event: ProgressEvent): void;
  end(): void;
}

/** The part of a terminal, pipe or file that progress needs. */
export interface ProgressStream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
}

/** `mode` is what `--progress` says; "auto" draws on terminals and writes lines elsewhere, CI logs above all; `several` platforms are told apart. */
export function createProgress(
  mode: string | undefined,
  {
    stream = process.stderr,
    env = process.env,
    quiet = false,
    several = false,
  }: { stream?: ProgressStream; env?: NodeJS.ProcessEnv; quiet?: boolean; several?: boolean } = {},
): Progress {
  switch (mode ?? "auto") {
    case "tty":
      return new TerminalProgress(stream, styleFor(stream, env), several);
    case "plain":
      return new PlainProgress(stream, styleFor(stream, env), several);
    case "json":
      return new JsonProgress(stream);
    case "none":
      return silent;
    default:
      if (quiet) return silent;
      return stream.isTTY === true && env["TERM"] !== "dumb" && (env["CI"] ?? "") === ""
        ? new TerminalProgress(stream, styleFor(stream, env), several)
        : new PlainProgress(stream, styleFor(stream, env), several);
  }
}

const silent: Progress = { lasting: false, event: () => undefined, end: () => undefined };
