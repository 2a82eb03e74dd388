import type { Bytes, Digest, Options } from "@lading/oci";
import type { Dockerfile } from "./syntax.ts";
import type { StepRunner } from "./step-runner.ts";

/** A file of the network, whole. */
export interface FetchedFile {
  /** sha256 of it. */
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  /** What Last-Modified says, in seconds since 1970. */
  readonly mtime?: number | undefined;
  /** Where it lies on disk for the time of the build. */
  readonly path: string;
  /** Its bytes, verified; may be called any number of times. */
  open(options?: Options): Bytes;
}

export interface FetchFileOptions extends Options {
  /** The digest that ADD says it has, which is verified by whoever asks: a file with it may be had from anywhere. */
  readonly checksum?: string | undefined;
  /** The Authorization header, for the URL's own origin and no other. */
  readonly authorization?: string | undefined;
}

/** A Dockerfile to be built, which stands where a description has `from`. */
export interface DockerfileRequest {
  readonly file: Dockerfile;
  /** The stage to build, by name or number. Default: the last. */
  readonly target?: string | undefined;
  readonly buildArgs?: Readonly<Record<string, string>> | undefined;
  /** What names of FROM and --from mean: absolute folders, or places of images. */
  readonly contexts?: Readonly<Record<string, { readonly folder: string } | { readonly place: string }>> | undefined;
  /** The ignore file, absolute. Default: as for any description. */
  readonly ignoreFile?: string | undefined;
  /** Gets what ADD names by URL. Default: it is refused. */
  readonly fetch?: ((url: string, options: FetchFileOptions) => Promise<FetchedFile>) | undefined;
  /** Runs what RUN says. Default: RUN is refused. */
  readonly runner?: StepRunner | undefined;
  /** The network of a RUN that does not say by itself. Default: "none". */
  readonly network?: "none" | "default" | "host" | undefined;
  /** Secrets of `RUN --mount=type=secret`, by id; and of ADD, HTTP_AUTH_TOKEN_HOST and HTTP_AUTH_HEADER_HOST. */
  readonly secrets?: Readonly<Record<string, Uint8Array>> | undefined;
  /** Sockets of `RUN --mount=type=ssh`, by id. */
  readonly ssh?: Readonly<Record<string, string>> | undefined;
}
