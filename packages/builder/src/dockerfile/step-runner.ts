import type { Image, Layer, Options, Platform } from "@lading/oci";

/** The files of a stage: a base image, absent FROM scratch, and the layers on it so far. */
export interface StepFiles {
  readonly base: Image | undefined;
  readonly layers: readonly Layer[];
}

/** What a RUN instruction asks for, with everything expanded and looked up. */
export interface Step extends StepFiles {
  readonly platform: Platform;
  readonly argv: readonly string[];
  /** `NAME=value`. */
  readonly env: readonly string[];
  /** Absolute. */
  readonly cwd: string;
  /** As the image's config has it: a name, numbers, "user:group"; "" is root. */
  readonly user: string;
  /** "default" is the runner's ordinary network, for who asked for it. */
  readonly network: "none" | "default" | "host";
  readonly mounts: readonly StepMount[];
}

/** What a step sees beside its files, and never leaves in the layer. Paths are absolute. */
export type StepMount = { readonly target: string } & (
  | {
      /** A file or folder of this machine, or of a stage or an image (`from`); writes to it are lost. */
      readonly type: "bind";
      readonly source: string | { readonly files: StepFiles; readonly path: string };
      readonly readOnly: boolean;
    }
  | {
      /** A folder that later steps find again; made with this mode and owner when it is not there. */
      readonly type: "cache";
      readonly source: string;
      readonly readOnly: boolean;
      readonly mode: number;
      readonly uid: number;
      readonly gid: number;
    }
  | { readonly type: "tmpfs"; /** Bytes. */ readonly size?: number }
  | {
      readonly type: "secret";
      readonly content: Uint8Array;
      readonly mode: number;
      readonly uid: number;
      readonly gid: number;
    }
  | {
      /** The socket of an ssh agent. */
      readonly type: "ssh";
      readonly source: string;
      readonly mode: number;
      readonly uid: number;
      readonly gid: number;
    }
);

/** What a step that ended well has changed. */
export interface StepResult extends AsyncDisposable {
  /**
   * Absolute path of a folder as overlayfs keeps changes (kernel.org, filesystems/overlayfs): what is new or
   * other, character devices 0:0 for what is gone, `trusted.overlay.opaque` (`user.overlay.opaque` in a user
   * namespace) on folders that hide what is below, if there is something. What was mounted has left no trace in it.
   * Goes with this result.
   */
  readonly changes: string;
}

/**
 * Runs the commands of RUN instructions. The builder knows no runtime: who builds hands one over.
 */
export interface StepRunner {
  /**
   * Whether programs see every file as root's, and can give them to nobody else, since there is no other id. In the layer
   * what was there before keeps its owner then. Default: false.
   */
  isSingleOwner?(): boolean | Promise<boolean>;
  /**
   * Runs a step to its end. Output is handed on as it comes. Throws StepFailed when the program ends with
   * another code than 0, and what the runtime throws when it cannot be started.
   */
  run(step: Step, options?: StepOptions): Promise<StepResult>;
}

export interface StepOptions extends Options {
  readonly onOutput?: ((chunk: Uint8Array, stream: "stdout" | "stderr") => void) | undefined;
}

/** The program of a step ended with another code than 0. */
export class StepFailed extends Error {
  override readonly name: string = "StepFailed";
  /** 128 and the signal's number when a signal ended it. */
  readonly exitCode: number;
  /** What may have been missing. */
  readonly hint: string | undefined;

  constructor(message: string, exitCode: number, { hint }: { readonly hint?: string | undefined } = {}) {
    super(message);
    this.exitCode = exitCode;
    this.hint = hint;
  }
}
