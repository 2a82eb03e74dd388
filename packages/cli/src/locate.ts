import { stat } from "node:fs/promises";
import type { LocatedBase } from "@lading/builder";
import {
  type Descriptor,
  type FilePlace,
  formatPlace,
  LayoutStore,
  OciArchive,
  DockerArchive,
  type Options,
  parsePlace,
  type Place,
  type Source,
} from "@lading/oci";
import { nearest, UsageError } from "./usage.ts";

/** Content at a place. Files are opened as they are read, so there is nothing to close. */
export interface Located {
  readonly source: Source;
  /** What the place names: a manifest or an index. */
  readonly descriptor: Descriptor;
  /** The place as it is shown. */
  readonly shown: string;
}

type Transport = Place["transport"];
type Reader = (place: FilePlace, options: Options) => Promise<Source>;

// How to read each transport; one that is not here belongs to a later version.
const readers: Partial<Record<Transport, Reader>> = {
  oci: async (place) => await LayoutStore.open(place.path),
  "oci-archive": async (place, options) => await OciArchive.open(place.path, options),
  "docker-archive": async (place, options) => await DockerArchive.open(place.path, options),
};

/** The forms of a place that this version reads, for messages. */
export const readable = "oci:DIR[:REF], oci-archive:FILE[:REF] and docker-archive:FILE[:REF]";

/** Opens the image or index that `text` names. Throws UsageError for a place that cannot be read at all. */
export async function locate(text: string, options: Options = {}): Promise<Located> {
  const place = parsePlaceArgument(text);
  const reader = readers[place.transport];
  if (reader === undefined || !isFilePlace(place)) throw await unreadable(text, place);
  const source = await reader(place, options);
  return { source, descriptor: await source.resolve(place.name, options), shown: formatPlace(place) };
}

/** Finds a base image for a build. */
export async function locateBase(text: string, options: Options = {}): Promise<LocatedBase> {
  const { source, descriptor } = await locate(text, options);
  return { source, descriptor };
}

/** Parses a place given as an argument. Throws UsageError. */
export function parsePlaceArgument(text: string): Place {
  try {
    return parsePlace(text);
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

export function isFilePlace(place: Place): place is FilePlace {
  return place.transport === "oci" || place.transport === "oci-archive" || place.transport === "docker-archive";
}

async function unreadable(text: string, place: Place): Promise<UsageError> {
  if (place.transport === "scratch") return new UsageError(`Cannot read "scratch": it stands for no image at all`);
  return new UsageError(`Cannot read "${text}": this version reads ${readable}`, {
    hint: await placeHint(text, place),
  });
}

/** What a place that names no file was probably meant to be. */
export async function placeHint(text: string, place: Place): Promise<string> {
  const found = await stat(text).catch(() => undefined);
  if (found?.isDirectory() === true) return `To name the folder, write oci:${text}`;
  if (found !== undefined || /\.tar$/.test(text)) return `To name the file, write oci-archive:${text}`;
  const prefix = /^([a-z-]+):/.exec(text)?.[1];
  const meant = prefix === undefined ? undefined : nearest(prefix, ["oci", "oci-archive", "docker-archive"]);
  if (meant !== undefined && prefix !== undefined && meant !== prefix)
    return `Did you mean ${meant}:${text.slice(prefix.length + 1)}?`;
  switch (place.transport) {
    case "podman":
      return `Save it first: podman save --format oci-archive -o image.tar ${place.name}`;
    case "docker":
      return `Save it first: docker save -o image.tar ${place.name}, then name docker-archive:image.tar`;
    case "containerd":
      return `Save it first: ctr image export image.tar ${place.name}, then name oci-archive:image.tar`;
    default:
      return `Fetch it first: skopeo copy --all docker://${text.replace(/^docker:\/\//, "")} oci:base:${baseTag(text)}, then name oci:base`;
  }
}

function baseTag(text: string): string {
  return /[:/]([\w.-]+)$/.exec(text)?.[1] ?? "latest";
}
