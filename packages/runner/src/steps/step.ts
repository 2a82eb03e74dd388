import type { Image, Layer, Platform } from "@lading/oci";

/** Files that an image would have: a base, absent FROM scratch, and the layers that were made on it. */
export interface StepFiles {
  readonly base: Image | undefined;
  readonly layers: readonly Layer[];
}

/** A program to run for the changes that it makes, with everything that it sees. */
export interface Step extends StepFiles {
  readonly platform: Platform;
  readonly argv: readonly string[];
  /** `NAME=value`. */
  readonly env: readonly string[];
  /** Absolute; made when it is not there. */
  readonly cwd: string;
  /** `user`, `user:group`, `uid` or `uid:gid`, found in the files; "" is root. */
  readonly user: string;
  /** `default`: an address of its own behind the host's. */
  readonly network: "none" | "default" | "host";
  readonly mounts: readonly StepMount[];
}

/** What a step sees beside its files, and never leaves in the changes. Paths are absolute. */
export type StepMount = { readonly target: string } & (
  | {
      /** A file or folder of this machine, or of other files; writes to it are lost. */
      readonly type: "bind";
      readonly source: string | { readonly files: StepFiles; readonly path: string };
      readonly readOnly: boolean;
    }
  /** A folder that is kept; made with these permissions when it is not there. */
  | ({ readonly type: "cache"; readonly source: string; readonly readOnly: boolean } & Permissions)
  | { readonly type: "tmpfs"; /** Bytes. */ readonly size?: number }
  | ({ readonly type: "secret"; readonly content: Uint8Array } & Permissions)
  /** The socket of an ssh agent, reached through one with these permissions. */
  | ({ readonly type: "ssh"; readonly source: string } & Permissions)
);

interface Permissions {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}
