import { stat } from "node:fs/promises";
import type { LocatedBase } from "@lading/builder";
import {
  type Descriptor,
  DockerArchive,
  type FilePlace,
  formatPlace,
  formatReference,
  isTag,
  LayoutStore,
  nameOf,
  OciArchive,
  type Options,
  parsePlace,
  parseReference,
  type Place,
  type Source,
  withDefaultTag,
} from "@lading/oci";
import { nearest, UsageError } from "./usage.ts";

/** Content at a place. Files are opened as they are read, so there is nothing to close. */
export interface Located {
  readonly source: Source;
  /** What the place names: a manifest or an index. */
  readonly descriptor: Descriptor;
  /** Names that it has there, the one that was asked for or not. */
  readonly names: readonly string[];
  /** The place as it is shown. */
  readonly shown: string;
}

type Transport = Place["transport"];
interface Opened {
  readonly source: Source;
  /** The names of what `resolve(name)` gave. */
  readonly names: (descriptor: Descriptor, name: string) => Promise<readonly string[]>;
}
type Reader = (place: FilePlace, options: Options) => Promise<Opened>;

// How to read each transport; one that is not here belongs to a later version.
const readers: Partial<Record<Transport, Reader>> = {
  oci: async (place) => listed(await LayoutStore.open(place.path)),
  "oci-archive": async (place, options) => listed(await OciArchive.open(place.path, options)),
  "docker-archive": async (place, options) => {
    const source = await DockerArchive.open(place.path, options);
    // A docker-archive has names for images, not for digests; "" is the only image.
    const names = source.names();
    const position = (name: string): number =>
      name === ""
        ? 0
        : /^@\d+$/.test(name)
          ? Number(name.slice(1))
          : names.findIndex((each) => each.includes(fullName(name)));
    return { source, names: async (_, name) => names[position(name)] ?? [] };
  },
};

function listed(source: LayoutStore | OciArchive): Opened {
  const names = async ({ digest }: Descriptor): Promise<readonly string[]> =>
    (await source.list()).filter((entry) => entry.digest === digest).flatMap((entry) => nameOf(entry) ?? []);
  return { source, names };
}

function fullName(name: string): string {
  try {
    return formatReference(withDefaultTag(parseReference(name)));
  } catch {
    return name;
  }
}

/** The forms of a place that this version reads, for messages. */
const readable = "oci:DIR[:REF], oci-archive:FILE[:REF] and docker-archive:FILE[:REF]";

/** Opens the image or index that `text` names. Throws UsageError for a place that cannot be read at all. */
export async function locate(text: string, options: Options = {}): Promise<Located> {
  const place = parsePlaceArgument(text);
  const reader = readers[place.transport];
  if (reader === undefined || !isFilePlace(place)) throw await unreadable(text, place);
  const { source, names } = await reader(place, options);
  const descriptor = await source.resolve(place.name, options);
  return { source, descriptor, names: await names(descriptor, place.name), shown: formatPlace(place) };
}

/** Finds a base image for a build. Its name is the full reference that the place has for it. */
export async function locateBase(text: string, options: Options = {}): Promise<LocatedBase> {
  const { source, descriptor, names } = await locate(text, options);
  const place = parsePlaceArgument(text);
  const name = isFilePlace(place) ? chooseName(names, place.name) : undefined;
  return { source, descriptor, ...(name === undefined ? {} : { name }) };
}

/** Of several names, the one that was asked for, in full or by its tag; else the first. A bare tag is none. */
function chooseName(names: readonly string[], asked: string): string | undefined {
  const full = names.filter((name) => !isTag(name) && isReference(name));
  return full.find((name) => name === fullName(asked) || name.endsWith(`:${asked}`)) ?? full[0];
}

function isReference(name: string): boolean {
  try {
    parseReference(name);
    return true;
  } catch {
    return false;
  }
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
  const prefix = /^([a-z-]+):/.exec(text)?.[1];
  const meant = prefix === undefined ? undefined : nearest(prefix, ["oci", "oci-archive", "docker-archive"]);
  if (meant !== undefined && prefix !== undefined && meant !== prefix)
    return `Did you mean ${meant}:${text.slice(prefix.length + 1)}?`;
  const found = await stat(text).catch(() => undefined);
  if (found?.isDirectory() === true) return `To name the folder, write oci:${text}`;
  if (found !== undefined || text.endsWith(".tar")) return `To name the file, write oci-archive:${text}`;
  if (place.transport === "podman") return `Save it first: podman save --format oci-archive -o image.tar ${place.name}`;
  if (place.transport === "docker")
    return `Save it first: docker save -o image.tar ${place.name}, then name docker-archive:image.tar`;
  if (place.transport === "containerd")
    return `Save it first: ctr image export image.tar ${place.name}, then name oci-archive:image.tar`;
  return `Fetch it first: skopeo copy --all docker://${text.replace(/^docker:\/\//, "")} oci:base:${baseTag(text)}, then name oci:base`;
}

function baseTag(text: string): string {
  return /[:/]([\w.-]+)$/.exec(text)?.[1] ?? "latest";
}
