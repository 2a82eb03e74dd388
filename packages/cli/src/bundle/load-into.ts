import { loadBundle, type LoadBundleOptions } from "@lading/bundle";
import { firstOf, formatReference, LayoutStore, MemoryStore, OciArchiveSink, OciError } from "@lading/oci";
import { checkDestination, type EngineDestination, type FileDestination, parseDestination } from "../destination.ts";
import { parsePlaceArgument } from "../locate.ts";
import type { ProgressEvent } from "../progress/progress.ts";
import { attempting, type Registries } from "../registries.ts";
import { UsageError } from "../usage.ts";
import { type RegistryPrefix, type Renaming, underPrefix } from "./rename.ts";
import { fileTargets, registryBases, registryTargets, type RenamedImage, renameImages } from "./targets.ts";
import type { VerifiedFile } from "./verify-opened.ts";

/** A verified bundle on its way to where it is used. */
export interface Loading extends VerifiedFile {
  readonly rules: readonly Renaming[];
  /** The destination as it was written. */
  readonly shown: string;
  readonly onEvent: (event: ProgressEvent) => void;
  readonly options: Omit<LoadBundleOptions, "bases">;
}

/** Parses `--to` for all but registries. Throws UsageError. */
export async function parseStore(text: string): Promise<FileDestination | EngineDestination> {
  const destination = parsePlaceArgument(text).transport === "registry" ? undefined : await parseDestination(text);
  if (destination === undefined || destination.kind === "registry")
    throw new UsageError(`Cannot load a bundle to "${text}": no host of a registry is in it`, {
      hint: "Write --to registry.example.com/prefix, --to oci:DIR or --to podman:",
    });
  const name = destination.kind === "engine" ? destination.name : destination.place.name;
  if (name !== "")
    throw new UsageError(`Cannot load a bundle to "${text}": its images have names of their own`, {
      hint: `Leave "${name}" out; --rename FROM=TO changes names`,
    });
  if (destination.kind === "file" && destination.place.transport === "docker-archive")
    throw new UsageError(`Cannot load a bundle to "${text}": a docker-archive holds neither platforms nor signatures`, {
      hint: `A bundle is an oci-archive, which Docker loads as it is; lading copy makes a docker-archive of one image`,
    });
  await checkDestination(destination);
  return destination;
}

/** Puts the images into repositories below a prefix. */
export async function loadIntoRegistry(
  { bundle, bases, rules, options, shown }: Loading,
  prefix: RegistryPrefix,
  scoped: boolean,
  registries: Registries,
): Promise<readonly RenamedImage[]> {
  const place = (name: string): string => formatReference(underPrefix(name, prefix, scoped));
  const images = renameImages(bundle, rules, place);
  await attempting(`Cannot load ${bundle.file} to ${shown}`, async () => {
    const targets = await registryTargets(images, registries);
    const there = await registryBases(bundle, rules, place, registries);
    await loadBundle(bundle, targets, { ...options, bases: [...bases, ...there] });
  });
  return images;
}

/** Puts the images into a layout or an archive. */
export async function loadIntoFile(
  { bundle, bases, missing, rules, options, shown }: Loading,
  { place, stdout }: FileDestination,
): Promise<readonly RenamedImage[]> {
  const images = renameImages(bundle, rules);
  if (place.transport === "oci") {
    // What is to have the base of a delta is there already.
    const store = missing.length > 0 ? await layoutThere(place.path) : await LayoutStore.create(place.path);
    await loadBundle(bundle, fileTargets(images, store, shown), { ...options, bases });
    return images;
  }
  await using sink = await OciArchiveSink.create(stdout ? process.stdout : place.path);
  await loadBundle(bundle, fileTargets(images, sink, shown), { ...options, bases });
  await sink.finish({ signal: options.signal });
  return images;
}

// One that is not there yet has nothing, and is not made for that.
async function layoutThere(path: string): Promise<LayoutStore | MemoryStore> {
  return await LayoutStore.open(path).catch((error: unknown) => {
    if (error instanceof OciError && error.code === "NOT_FOUND") return new MemoryStore();
    throw error;
  });
}

/** Gives an engine this machine's image of each; when one of them may not be run, none. */
export async function loadIntoEngine(
  { bundle, bases, missing, rules, options, shown, onEvent }: Loading,
  destination: EngineDestination,
): Promise<readonly RenamedImage[]> {
  const [first] = missing;
  if (first !== undefined)
    throw new OciError(
      "NOT_FOUND",
      `Cannot load ${bundle.file} to ${shown} without what it builds on: ${first.digest} is not in it`,
      {
        hint: `Name the file of the bundle ${bundle.delta?.since ?? "that has it"} with --base`,
      },
    );
  const images = renameImages(bundle, rules);
  const source = firstOf(bundle, ...bases);
  const { signal } = options;
  const [{ checkForEngine, writeToEngine }, { EnginePool }] = await Promise.all([
    import("../write-engine.ts"),
    import("../engine-pool.ts"),
  ]);
  await using engines = new EnginePool();
  for (const { image, name } of images)
    await checkForEngine(destination, { source, descriptor: image.descriptor }, engines, { signal }).catch(
      (cause: unknown) => {
        throw new Error(`Cannot load ${name ?? image.descriptor.digest} to ${shown}`, { cause });
      },
    );
  for (const { image, name } of images) {
    const names = name === undefined ? [] : [name];
    await writeToEngine(destination, { source, descriptor: image.descriptor }, names, { signal, onEvent, engines });
  }
  return images;
}
