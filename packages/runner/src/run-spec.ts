import type { ProfileName } from "./security/profile.ts";

/** What to run of an image, and how isolated; what is left out comes from the image, then from the profile. */
export interface RunSpec {
  /** Arguments; they replace the image's Cmd. */
  readonly command?: readonly string[] | undefined;
  /** Replaces the image's Entrypoint, and with it its Cmd. */
  readonly entrypoint?: readonly string[] | undefined;
  /** `NAME=value`, over the image's. */
  readonly env?: readonly string[] | undefined;
  readonly workdir?: string | undefined;
  /** `user`, `user:group`, `uid` or `uid:gid`, found in the image. */
  readonly user?: string | undefined;
  /** Default: the container's ID. */
  readonly hostname?: string | undefined;
  /** Default: `default`. */
  readonly profile?: ProfileName | undefined;
  /** Changes the profile's capabilities, as `changeCapabilities` says. */
  readonly capAdd?: readonly string[] | undefined;
  readonly capDrop?: readonly string[] | undefined;
  /** Default: the profile's. */
  readonly readonlyRoot?: boolean | undefined;
  /** `none` (the default): an interface to itself alone; or the host's own network. */
  readonly network?: "none" | "host" | undefined;
  /** Paths that get a file system in memory. */
  readonly tmpfs?: readonly string[] | undefined;
  readonly mounts?: readonly BindMount[] | undefined;
  /** Bytes. */
  readonly memory?: number | undefined;
  /** Processors, 1.5 for one and a half. */
  readonly cpus?: number | undefined;
  /** Processes and threads. Default: 2048. */
  readonly pidsLimit?: number | undefined;
  /** Whether the process gets a terminal; then standard input and output must be one. */
  readonly terminal?: boolean | undefined;
}

/** A file or folder of the host in the container. */
export interface BindMount {
  /** Absolute, on the host. */
  readonly source: string;
  /** Absolute, in the container. */
  readonly destination: string;
  readonly readonly?: boolean | undefined;
}
