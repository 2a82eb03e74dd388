import type { Descriptor, Digest, ImageConfig, Options, Platform, Source } from "@lading/oci";
import type { DockerfileRequest } from "./dockerfile/dockerfile-request.ts";
import type { LayerPlan } from "./entry.ts";
import type { BuildEvent, LayerReuse } from "./progress.ts";
import type { BuildSpec } from "./spec.ts";

/** A base image's whereabouts: where to read it, and which descriptor (manifest or index) its place named. */
export interface LocatedBase {
  readonly source: Source;
  readonly descriptor: Descriptor;
  /** For `org.opencontainers.image.base.name`: the full reference. Default: the place as the description has it. */
  readonly name?: string;
  /**
   * Whether reading a layer is a transfer over a network. Such a base's files are only looked at for
   * what cannot be laid on it otherwise: owners by name, removals, folders that differ between bases.
   * Default: false.
   */
  readonly remote?: boolean;
}

export interface BuildRequest extends Options {
  readonly spec: BuildSpec;
  /** What stands in the place of `spec.from`; the rest of the spec is laid on what it makes. */
  readonly dockerfile?: DockerfileRequest | undefined;
  /** Absolute path of the folder that sources are relative to and may not leave. */
  readonly context: string;
  /** Absolute paths that results are written to; where they lie in the context, they are no sources. */
  readonly outputs?: readonly string[] | undefined;
  /** Folder for layers, base indexes and what is known of earlier builds; shared between builds safely. */
  readonly cacheDir: string;
  /** Finds a base by its place ("oci:base", "node:24-slim"); never called for "scratch". */
  readonly locate: (place: string, options?: Options) => Promise<LocatedBase>;
  /** Seconds; what SOURCE_DATE_EPOCH says. */
  readonly sourceDateEpoch?: number | undefined;
  /** Read and compress everything again; results are still stored. Default: false. */
  readonly noCache?: boolean | undefined;
  /** Threads that compress. Default: os.availableParallelism(). The bytes do not depend on it. */
  readonly workers?: number | undefined;
  readonly onEvent?: ((event: BuildEvent) => void) | undefined;
}

/** Why a layer was, or was not, packed again. */
export interface LayerExplanation {
  readonly reason: "unchanged" | "same content" | "first build" | "changed" | "cache off" | "cache entry gone";
  /** What differs from the last build of this layer; at most `limit` of them, `more` says how many were left out. */
  readonly changes: readonly {
    readonly path: string;
    readonly what: "added" | "removed" | "content" | "mode" | "owner" | "time" | "kind";
  }[];
  readonly more: number;
}

export interface BuiltLayer {
  readonly name: string;
  readonly descriptor: Descriptor;
  readonly diffId: Digest;
  /** Uncompressed bytes. */
  readonly unpackedSize: number;
  readonly entries: number;
  /** "base" for layers that came with the base. */
  readonly reuse: LayerReuse | "base";
  /** Milliseconds spent on it. */
  readonly ms: number;
  readonly explanation?: LayerExplanation;
}

export interface BuiltImage {
  readonly platform: Platform;
  readonly descriptor: Descriptor;
  /** Digest of the config: what engines call the image's ID. */
  readonly imageId: Digest;
  readonly layers: readonly BuiltLayer[];
}

export interface BuildResult {
  /** Everything under `descriptor`, to be copied from. */
  readonly source: Source;
  /** The index when several platforms were asked for, else the manifest. */
  readonly descriptor: Descriptor;
  readonly images: readonly BuiltImage[];
  readonly warnings: readonly string[];
  /** Milliseconds. */
  readonly timings: { readonly base: number; readonly list: number; readonly pack: number; readonly total: number };
}

/** What a build would do: nothing is packed or written for it, but sources and the base are looked at. */
export interface BuildPlan {
  readonly images: readonly PlannedImage[];
  /** Of the index, when there are several images. */
  readonly indexAnnotations: Readonly<Record<string, string>>;
  readonly warnings: readonly string[];
}

export interface PlannedImage {
  readonly platform: Platform;
  /** Absent FROM scratch. `digest` is the manifest's. */
  readonly base?: { readonly place: string; readonly digest: Digest; readonly layers: number };
  /** What comes on top of the base; layers that several images share are the same objects. */
  readonly layers: readonly LayerPlan[];
  readonly config: Omit<ImageConfig, "rootfs">;
  /** Of the manifest. */
  readonly annotations: Readonly<Record<string, string>>;
}
