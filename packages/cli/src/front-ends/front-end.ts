import {
  type BuildSpec,
  dockerfilePlaces,
  type DockerfileRequest,
  type DockerfileUrls,
  dockerfileUrls,
} from "@lading/builder";
import { formatPlatform, hostPlatform, type Options } from "@lading/oci";
import type { Options as CommandOption } from "yargs";
import type { Flags } from "../flags.ts";

/*
 * Whatever people have already (lading.yaml, a Dockerfile, a package.json, a jar) becomes one build
 * description. A front end knows one kind of file, and nothing of what is done with the description.
 */

/** What is to be built. */
export interface Description {
  readonly spec: BuildSpec;
  /** What stands in the place of `spec.from`. */
  readonly dockerfile?: DockerfileRequest | undefined;
  /** Absolute path of the folder that sources are relative to. */
  readonly context: string;
  /** What it was taken for, as messages say it; undefined for what flags alone say. */
  readonly kind?: string;
  /** The files that it was read from, absolute: first the one that was found. Default: none. */
  readonly files?: readonly string[];
  /** The one of them that is Lading's own, and no source of what it describes. */
  readonly ownFile?: string;
  /** What a person should know of how it came about. */
  readonly note?: string;
  /** What people should know of how their file was understood. */
  readonly warnings?: readonly string[];
  /** What they should know who go on with it as a lading.yaml. */
  readonly advice?: string;
}

/** The places that a build for its platforms, by default this machine's, reads images from; `scratch` may be among them. */
export function placesOf({ spec, dockerfile }: Description): readonly string[] {
  if (dockerfile !== undefined) return dockerfilePlaces(dockerfile, platformsOf(spec));
  return spec.from === undefined ? [] : [spec.from];
}

/** The URLs that a build for its platforms, by default this machine's, fetches files from. */
export function urlsOf({ spec, dockerfile }: Description): DockerfileUrls {
  if (dockerfile === undefined) return { urls: [], unknown: [] };
  return dockerfileUrls(dockerfile, platformsOf(spec));
}

function platformsOf({ platforms }: BuildSpec): readonly string[] {
  return platforms?.length ? platforms : [formatPlatform({ ...hostPlatform(), os: "linux" })];
}

/** What the command line says beside the file. */
export interface DescribeOptions extends Options {
  /** Absolute path of the folder that was given as the context. */
  readonly context: string;
  /** How messages call the file. */
  readonly shown: string;
  /** What is laid over the description afterwards: nothing need be found out that it says. */
  readonly asked: BuildSpec;
  /** Where a front end reads what its `options` were given; nothing of the others' is there. */
  readonly flags: Flags;
  /** Is told of each file that describes the build before it is read; absolute. */
  readonly onFile?: ((file: string) => void) | undefined;
}

export interface FrontEnd {
  /** What it reads, as messages say it: "a Dockerfile". */
  readonly what: string;
  /** Names of its files, in the order in which they are looked for directly in the context. */
  readonly names: readonly string[];
  /** Whether its files describe a build; those of a project that is no build's description only stand in for one. */
  readonly describes: boolean;
  /** Whether its file is all there is to build, wherever it lies, and folders are not looked through for it. Default: false. */
  readonly standsAlone?: boolean;
  /** Flags of the command that have a meaning for its files. Default: none. */
  readonly options?: Readonly<Record<string, CommandOption>>;
  /** Whether a file that somebody named is one of its kind: by its name, or by how it begins. */
  owns(path: string): boolean | Promise<boolean>;
  /** Reads the file. Throws UsageError, ConfigError or BuildError. */
  describe(path: string, options: DescribeOptions): Promise<Description>;
}
