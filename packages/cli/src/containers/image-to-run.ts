import { join } from "node:path";
import {
  type Descriptor,
  formatReference,
  isTag,
  type Options,
  parseReference,
  type Platform,
  samePlatform,
  type Source,
  withDefaultTag,
  makeFolder,
} from "@lading/oci";
import {
  type Engine,
  type EngineImage,
  FactsStore,
  importImage,
  type NamedImage,
  refusePlatform,
  RunnerError,
} from "@lading/runner";
import { isReference, locate, parsePlaceArgument } from "../locate.ts";
import { setUpForImages } from "../node-flags.ts";
import { openPlatform, parsePlatformArgument } from "../open-platform.ts";
import type { Progress } from "../progress/progress.ts";
import { attempting, type Registries } from "../registries.ts";
import { Spool } from "../spool.ts";
import { Transfer } from "../transfer.ts";
import { UsageError } from "../usage.ts";

/** When a registry is asked for an image: when the engine lacks it, anyway, or not at all. */
export type PullPolicy = "missing" | "always" | "never";

export interface ImageToRunOptions extends Options {
  /** Default: "missing". */
  readonly pull?: PullPolicy | undefined;
  /** Which image of several. Default: this machine's. */
  readonly platform?: string | undefined;
  readonly engine: Engine;
  readonly registries: Registries;
  readonly progress: Progress;
  /** The state folder: what is fetched lies there until the engine has it. */
  readonly root: string;
}

/**
 * Sees to it that the engine has the image that `run` names: one that it has already, one of a
 * registry (`pull`), one in a file, or one that is built of a folder.
 */
export async function imageToRun(text: string, options: ImageToRunOptions): Promise<NamedImage> {
  const { platform: asked, pull = "missing" } = options;
  const platform = asked === undefined ? undefined : parsePlatformArgument(asked);
  if (isFolder(text)) return await built(text, asked, options);
  const place = parsePlaceArgument(text);
  if (place.transport !== "registry") return await fromFile(text, asked, options);
  const name = formatReference(withDefaultTag(place.reference));
  const { admission } = options.registries;
  if (admission !== undefined && pull === "never")
    throw new UsageError(`Cannot hold "${text}" against a policy with --pull never: signatures are not in engines`);
  // For the same reason what an engine has is no substitute for what was admitted.
  if (pull !== "always" && admission === undefined) {
    const found = await present(text, name, platform, options);
    if (found !== undefined) return found;
    if (pull === "never")
      throw new RunnerError("NOT_FOUND", `Cannot run "${text}": ${options.engine.name} does not have it`, {
        hint: "Without --pull never it is fetched from its registry; `lading images` lists what is there",
      });
  }
  return await fromRegistry(text, name, asked, options);
}

/** Whether a folder is meant: no reference begins like a path. */
export function isFolder(text: string): boolean {
  return /^[./]/.test(text);
}

/** What the engine has of that name or, where it could be one, image ID. */
async function present(
  text: string,
  name: string,
  platform: Platform | undefined,
  { engine, signal }: ImageToRunOptions,
): Promise<NamedImage | undefined> {
  const fits = ({ config }: EngineImage): boolean =>
    platform === undefined || samePlatform({ os: config.os, architecture: config.architecture }, platform);
  const named = await engine.images.find(name, { signal });
  if (named !== undefined) return fits(named) ? { image: named, name } : undefined;
  if (!/^(?:sha256:)?[0-9a-f]{4,64}$/.test(text)) return undefined;
  const image = await engine.images.find(text, { signal });
  return image === undefined || !fits(image) ? undefined : { image, name: image.names[0] ?? text };
}

async function fromFile(text: string, platform: string | undefined, options: ImageToRunOptions): Promise<NamedImage> {
  const located = await locate(text, options.registries, options);
  const image = await openPlatform(located, platform, options);
  // A tag is a name in its layout alone; and as everywhere, a short one is one of Docker Hub.
  const full = located.names.find((each) => !isTag(each) && isReference(each));
  const name = full === undefined ? undefined : formatReference(withDefaultTag(parseReference(full)));
  return { image: await imported(located.source, image.descriptor, name, options), name: name ?? located.shown };
}

async function fromRegistry(
  text: string,
  name: string,
  platform: string | undefined,
  options: ImageToRunOptions,
): Promise<NamedImage> {
  const { signal, progress, root } = options;
  setUpForImages({ builds: false });
  const located = await locate(text, options.registries, { signal });
  const image = await openPlatform(located, platform, { signal });
  // Before a layer is on its way.
  refusePlatform(image.platform);
  makeFolder(root, 0o711);
  await using spool = await Spool.create(root);
  const transfer = new Transfer(located.shown, {
    signal,
    referrers: false,
    onEvent: (event) => progress.event(event),
  });
  await attempting(`Cannot pull ${located.shown}`, () => transfer.copy(located.source, spool.store, image.descriptor));
  return { image: await imported(spool.source, image.descriptor, name, options), name };
}

async function built(folder: string, platform: string | undefined, options: ImageToRunOptions): Promise<NamedImage> {
  setUpForImages({ builds: true });
  // Loaded for those who build only.
  const { buildFolder } = await import("./build-folder.ts");
  const { source, descriptor, name, shown } = await buildFolder(folder, platform, options);
  return { image: await imported(source, descriptor, name, options), name: name ?? shown };
}

async function imported(
  source: Source,
  manifest: Descriptor,
  name: string | undefined,
  { engine, root, signal }: ImageToRunOptions,
): Promise<EngineImage> {
  return await importImage(engine, source, manifest, { name, facts: new FactsStore(join(root, "facts")), signal });
}
