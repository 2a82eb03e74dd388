import {
  type Digest,
  DockerArchiveSink,
  type FilePlace,
  formatReference,
  isTag,
  OciArchiveSink,
  parseReference,
  type Reference,
  withDefaultTag,
} from "@lading/oci";
import type { EngineName } from "@lading/runner";
import type { EnginePool } from "./engine-pool.ts";
import { stat } from "node:fs/promises";
import { fileStem } from "./config/image-names.ts";
import { isFilePlace, parsePlaceArgument, parseReferenceArgument, refuseSlip } from "./locate.ts";
import { repositoryOf } from "./registries.ts";
import { UsageError } from "./usage.ts";

/** A place that can be written. */
export type Destination = FileDestination | RegistryDestination | EngineDestination;

export interface FileDestination {
  readonly kind: "file";
  readonly place: FilePlace;
  /** As the user wrote it. */
  readonly shown: string;
  /** Standard output, which then carries the archive and nothing else. */
  readonly stdout: boolean;
}

export interface RegistryDestination {
  readonly kind: "registry";
  /** Registry and repository. */
  readonly reference: Reference;
  /** What is to name it there; nothing when it is asked for by digest. */
  readonly tags: readonly string[];
  /** What the content must have, when the place says so. */
  readonly digest?: Digest;
  readonly shown: string;
  readonly stdout: false;
}

/** Who has a store of its own that images are given to. */
export type LoadableName = EngineName | "docker";

/** An engine's own store. */
export interface EngineDestination {
  readonly kind: "engine";
  readonly engine: LoadableName;
  /** What the place itself calls the image; "" when it takes the image's names. */
  readonly name: string;
  readonly shown: string;
  readonly stdout: false;
}

/** Parses where to write. Throws UsageError for a place that this version does not write. */
export async function parseDestination(text: string): Promise<Destination> {
  if (text === "-")
    throw new UsageError(`Cannot write "-": it names no format`, {
      hint: "Write oci-archive:- or docker-archive:- for standard output",
    });
  const docker = /^type=([a-z-]+)\b.*?\bdest=([^,]+)/.exec(text);
  if (docker !== null)
    throw new UsageError(`Cannot write to "${text}": a place is written otherwise here`, {
      hint: `Write it as ${docker[1] === "docker" ? "docker" : "oci"}-archive:${docker[2]}`,
    });
  const place = parsePlaceArgument(text);
  if (place.transport === "registry") {
    refuseSlip(text);
    return registryDestination(place.reference, text);
  }
  if (place.transport === "podman" || place.transport === "containerd" || place.transport === "docker") {
    checkName(place.name, text);
    return { kind: "engine", engine: place.transport, name: place.name, shown: text, stdout: false };
  }
  if (!isFilePlace(place))
    throw new UsageError(
      `Cannot write to "${text}": this version writes references such as ghcr.io/acme/app:1, oci:DIR, oci-archive:FILE, docker-archive:FILE, podman:REF, containerd:REF and docker:REF`,
    );
  checkName(place.name, text);
  // A pipe that another process holds cannot be opened by name, so /dev/stdout is the same as "-".
  const stdout = place.path === "-" || place.path === "/dev/stdout";
  if (stdout && place.transport === "oci")
    throw new UsageError(`Cannot write "${text}": a folder cannot go to standard output`);
  return { kind: "file", place, shown: text, stdout };
}

function registryDestination(reference: Reference, text: string): RegistryDestination {
  // Short names are somebody else's: nobody but Docker can push there, and most who write one mean a file.
  if (reference.registry === "docker.io" && reference.repository.startsWith("library/"))
    throw new UsageError(`Cannot write to "${text}": it names one of Docker's official images`, {
      hint: `Write docker.io/USER/${reference.repository.slice(8)} for a repository of your own, oci:DIR or oci-archive:FILE for a file`,
    });
  const { tag, digest } = withDefaultTag(reference);
  return {
    kind: "registry",
    reference: repositoryOf(reference),
    tags: tag === undefined ? [] : [tag],
    ...(digest === undefined ? {} : { digest }),
    // What a name without a tag came to is no secret.
    shown: reference.tag === undefined && tag !== undefined ? `${text}:${tag}` : text,
    stdout: false,
  };
}

/** Where full names lead: a destination for each repository, with all its tags. */
export function destinationsOf(names: readonly string[]): readonly RegistryDestination[] {
  const found = new Map<string, RegistryDestination>();
  for (const name of names) {
    const { tags, ...rest } = registryDestination(parseReferenceArgument(name, "push"), name);
    const key = formatReference(rest.reference);
    const before = found.get(key)?.tags ?? [];
    const all = [...before, ...tags];
    found.set(key, { ...rest, tags: all, shown: all.length > 1 ? `${key} (${all.join(", ")})` : rest.shown });
  }
  return [...found.values()];
}

function checkName(name: string, text: string): void {
  if (name === "" || isTag(name)) return;
  if (/^(?:@|sha256:|sha512:)/.test(name))
    throw new UsageError(
      `Cannot write "${text}": an image is named by a tag or a reference, its digest comes out of it`,
    );
  let reference: Reference;
  try {
    reference = parseReference(name);
  } catch (error) {
    throw new UsageError(`Cannot write "${text}": ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
  if (reference.digest !== undefined) throw new UsageError(`Cannot write "${text}": the digest comes out of the build`);
}

/** Where an image goes when nothing else was said: `oci-archive:<name>.tar`, here. */
export function defaultDestination(names: readonly string[], context: string): FileDestination {
  const path = `${fileStem(names, context)}.tar`;
  return {
    kind: "file",
    place: { transport: "oci-archive", path, name: "" },
    shown: `oci-archive:${path}`,
    stdout: false,
  };
}

/** Throws UsageError where nothing of `flag` could be attached: no destination takes more than an image. */
export function refuseWithoutRoom(flag: string, destinations: readonly Destination[]): void {
  if (destinations.some(hasRoom)) return;
  const shown = destinations.map((one) => one.shown).join(", ");
  throw new UsageError(`Cannot use --${flag}: ${shown} has no place for what refers to an image`, {
    hint: `Write to a registry, oci:DIR or oci-archive:FILE${flag === "sbom" ? "; `lading sbom -o FILE` writes an SBOM into a file" : ""}`,
  });
}

/** Whether a destination takes what refers to an image. */
export function hasRoom(destination: Destination): boolean {
  return (
    destination.kind === "registry" || (destination.kind === "file" && destination.place.transport !== "docker-archive")
  );
}

/** The store of an engine, which takes the image's names. */
export function engineDestination(engine: LoadableName): EngineDestination {
  return { kind: "engine", engine, name: "", shown: engine, stdout: false };
}

/** Fails early when `destination` can certainly not be written: before work is done for it. */
export async function checkDestination(destination: Destination, engines?: EnginePool): Promise<void> {
  if (destination.stdout || destination.kind === "registry") return;
  if (destination.kind === "engine") {
    // Builds that go elsewhere know nothing of engines.
    if (destination.engine === "docker") {
      const { DockerStore } = await import("@lading/runner");
      await DockerStore.open();
      return;
    }
    if (engines !== undefined) return void (await engines.open(destination.engine));
    const { chooseEngine } = await import("@lading/runner");
    await using _ = await chooseEngine({ engine: destination.engine });
    return;
  }
  const { place, shown } = destination;
  if (place.transport === "oci") {
    const found = await stat(place.path).catch(() => undefined);
    if (found !== undefined && !found.isDirectory())
      throw new UsageError(`Cannot write "${shown}": it is a file, and oci: names a folder`);
    return;
  }
  await using _ = await (place.transport === "docker-archive" ? DockerArchiveSink : OciArchiveSink).create(place.path);
}
