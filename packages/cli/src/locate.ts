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
  type Reference,
  type Source,
  withDefaultTag,
} from "@lading/oci";
import type { BaseCache } from "./base-cache.ts";
import { attempting, nameIn, type Registries } from "./registries.ts";
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
const readable =
  "references such as ghcr.io/acme/app:1, oci:DIR[:REF], oci-archive:FILE[:REF] and docker-archive:FILE[:REF]";

/**
 * Opens the image or index that `text` names; what a registry's tag names costs one HEAD. Throws
 * UsageError for a place that cannot be read at all, TrustError for an image that a policy does not admit.
 */
export async function locate(text: string, registries: Registries, options: Options = {}): Promise<Located> {
  const located = await find(text, registries, options);
  await registries.admission?.admit(text, located, options);
  return located;
}

async function find(text: string, registries: Registries, options: Options): Promise<Located> {
  const place = parsePlaceArgument(text);
  if (place.transport === "registry") {
    refuseSlip(text);
    return await locateReference(place.reference, registries, options);
  }
  const reader = readers[place.transport];
  if (reader === undefined || !isFilePlace(place)) throw unreadable(text, place);
  const { source, names } = await reader(place, options);
  const descriptor = await source.resolve(place.name, options);
  return { source, descriptor, names: await names(descriptor, place.name), shown: formatPlace(place) };
}

async function locateReference(reference: Reference, registries: Registries, options: Options): Promise<Located> {
  const { registry, repository, tag } = withDefaultTag(reference);
  const shown = formatReference(withDefaultTag(reference));
  const source = await registries.repository(reference);
  const descriptor = await attempting(`Cannot read ${shown}`, () => source.resolve(nameIn(reference), options));
  const names = tag === undefined ? [] : [formatReference({ registry, repository, tag })];
  return { source, descriptor, names, shown };
}

/** How a build gets at its bases. */
export interface BaseAccess {
  readonly registries: Registries;
  /** Keeps what came from a registry; opened when one is named. */
  readonly cache: () => Promise<BaseCache>;
}

/** Finds a base image for a build. Its name is the full reference that the place has for it. */
export async function locateBase(
  text: string,
  { registries, cache }: BaseAccess,
  options: Options = {},
): Promise<LocatedBase> {
  const place = parsePlaceArgument(text);
  if (place.transport === "registry") {
    refuseSlip(text);
    const reference = withDefaultTag(place.reference);
    const { source, descriptor } = await (await cache()).locate(reference, registries, options);
    // Signatures are beside the image, and not in the cache.
    if (registries.admission !== undefined)
      await registries.admission.admit(
        text,
        { source: await registries.repository(reference), descriptor, names: [] },
        options,
      );
    return { source, descriptor, name: formatReference(reference), remote: true };
  }
  const { source, descriptor, names } = await locate(text, registries, options);
  const name = isFilePlace(place) ? chooseName(names, place.name) : undefined;
  return { source, descriptor, ...(name === undefined ? {} : { name }) };
}

/** Of several names, the one that was asked for, in full or by its tag; else the first. A bare tag is none. */
function chooseName(names: readonly string[], asked: string): string | undefined {
  const full = names.filter((name) => !isTag(name) && isReference(name));
  return full.find((name) => name === fullName(asked) || name.endsWith(`:${asked}`)) ?? full[0];
}

/** Whether `name` can be that of an image; a mere tag may parse as one. */
export function isReference(name: string): boolean {
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

/** Parses an argument that has to be a reference, to `act` upon it ("delete"). Throws UsageError. */
export function parseReferenceArgument(text: string, act: string): Reference {
  const place = parsePlaceArgument(text);
  if (place.transport !== "registry")
    throw new UsageError(`Cannot ${act} "${text}": expected a reference to a registry, as in ghcr.io/acme/app`);
  return place.reference;
}

/** Whether what is read from a place comes over a network. Throws UsageError. */
export function isRemote(text: string): boolean {
  return parsePlaceArgument(text).transport === "registry";
}

export function isFilePlace(place: Place): place is FilePlace {
  return place.transport === "oci" || place.transport === "oci-archive" || place.transport === "docker-archive";
}

function unreadable(text: string, place: Place): UsageError {
  if (place.transport === "scratch") return new UsageError(`Cannot read "scratch": it stands for no image at all`);
  return new UsageError(`Cannot read "${text}": this version reads ${readable}`, {
    hint: placeHint(place),
  });
}

/** Throws UsageError for what parses as a reference and was certainly meant as a file. */
export function refuseSlip(text: string): void {
  const prefix = /^([a-z-]+):/.exec(text)?.[1] ?? "";
  // Shorter words may well be images: `oc:1` is no slip of `oci:`.
  const meant = prefix.includes("-") ? nearest(prefix, ["oci-archive", "docker-archive"]) : undefined;
  const hint =
    meant !== undefined
      ? `Did you mean ${meant}:${text.slice(prefix.length + 1)}?`
      : /^[^:@]+\.(?:tar|tgz|tar\.gz)$/.test(text)
        ? `To name the file, write oci-archive:${text}`
        : undefined;
  if (hint !== undefined) throw new UsageError(`Cannot use "${text}" as a place: it looks like a file`, { hint });
}

/** What a place that names no file was probably meant to be. */
function placeHint(place: Place): string | undefined {
  if (place.transport === "podman") return `Save it first: podman save --format oci-archive -o image.tar ${place.name}`;
  if (place.transport === "docker")
    return `Save it first: docker save -o image.tar ${place.name}, then name docker-archive:image.tar`;
  if (place.transport === "containerd")
    return `Save it first: ctr image export image.tar ${place.name}, then name oci-archive:image.tar`;
  return undefined;
}
