import { formatPlatform, normalizePlatform, parsePlatform, type Platform } from "@lading/oci";
import { type AddSource, addSource } from "./add-source.ts";
import { Archives } from "./archive.ts";
import { type Attributes, attributesOf } from "./attributes.ts";
import { Collected } from "./collected.ts";
import { Context } from "./context.ts";
import { fileDestination, parseDestination } from "./destination.ts";
import { BuildError } from "../errors.ts";
import type { ListedEntry } from "./listing.ts";
import type { Matcher } from "./patterns.ts";
import type { AddSpec, LayerSpec } from "../spec.ts";

export interface ListOptions {
  /** Folder that sources are relative to, absolute. */
  readonly context: string;
  /** Patterns of the context's ignore file (`readIgnoreFile`). */
  readonly ignore?: Matcher | undefined;
  /** What is left out of sources that no ignore file applies to (`ignoreOutputs`). */
  readonly outputs?: Matcher | undefined;
  /** What the layer is for: chooses among adds, and stands for $TARGETPLATFORM, $TARGETOS, $TARGETARCH and $TARGETVARIANT in sources. */
  readonly platform?: Platform | undefined;
  /** Default modification time, in seconds. */
  readonly timestamp: number;
  /** Patterns of files that look like secrets and are meant: see `refuseSecrets`. */
  readonly allowSecrets?: readonly string[] | undefined;
  /**
   * Cache folder: remembers what is in archives, and has room for what compressed ones hold.
   * Default: nothing is remembered, and the room is the system's folder for temporary files.
   */
  readonly cacheDir?: string | undefined;
  /** Archives that other layers may have too. Default: each is read for this layer. */
  readonly archives?: Archives | undefined;
  readonly onWarning?: ((message: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Lists what a layer's `add` asks for, in the order of the paths' bytes. A path that several adds claim is there
 * several times, in the order of the description. Folders that destinations lie in are not listed. Names of
 * one file on disk become hardlinks to the first of them, if all that the layer says of them is equal.
 * Files are looked at and not read, save those whose names say that they may hold a secret.
 *
 * Throws BuildError SOURCE_MISSING, SOURCE_OUTSIDE, SOURCE_UNREADABLE, SOURCE_CHANGED, SECRET and SPEC.
 */
export async function listLayer(layer: LayerSpec, options: ListOptions): Promise<ListedEntry[]> {
  const { platform, timestamp, ignore, signal, onWarning = () => {}, allowSecrets = [], cacheDir } = options;
  const { archives = new Archives() } = options;
  if (!isFor(layer.platform, platform)) return [];
  const context = new Context(options.context);
  const into = new Collected();
  for (const one of layer.add ?? []) {
    if (!isFor(one.platform, platform)) continue;
    const attributes = attributesOf(layer, one, timestamp);
    if ("src" in one) {
      const sources = one.src.map((source) => expandTarget(source, platform));
      await addSource(one, layer, sources, {
        context,
        ignore: one.ignore === false ? options.outputs : ignore,
        attributes,
        onWarning,
        signal,
        into,
        cacheDir,
        archives,
        unpack: one.unpack === true,
      });
    } else into.add(literalEntry(one, attributes));
  }

  return into.finish(allowSecrets);
}

/** Whether the list differs between platforms; otherwise one serves them all. */
export function dependsOnPlatform(layer: LayerSpec): boolean {
  return (
    layer.platform !== undefined ||
    (layer.add ?? []).some(
      (add) => add.platform !== undefined || ("src" in add && add.src.some((src) => target.test(src))),
    )
  );
}

const target = /\$(?:TARGET(PLATFORM|OS|ARCH|VARIANT)\b|\{TARGET(PLATFORM|OS|ARCH|VARIANT)\})/;

function expandTarget(source: string, platform: Platform | undefined): string {
  return source.replaceAll(new RegExp(target, "g"), (variable, bare?: string, braced?: string) => {
    if (platform === undefined)
      throw new BuildError("SPEC", `Cannot add "${source}": ${variable} stands for nothing without a platform`);
    const values: Readonly<Record<string, string | undefined>> = {
      PLATFORM: formatPlatform(platform),
      OS: platform.os,
      ARCH: platform.architecture,
      VARIANT: platform.variant,
    };
    return values[bare ?? braced ?? ""] ?? "";
  });
}

/** Whether a `platform` filter admits the platform; without a variant it admits all of them. */
export function isFor(filter: readonly string[] | undefined, platform: Platform | undefined): boolean {
  if (filter === undefined) return true;
  if (platform === undefined)
    throw new BuildError("SPEC", `Cannot choose what is only for ${filter.join(", ")} without a platform`);
  const actual = normalizePlatform(platform);
  return filter.some((text) => {
    let wanted: Platform;
    try {
      wanted = parsePlatform(text);
    } catch (cause) {
      throw new BuildError("SPEC", `Cannot read the platform "${text}"`, { cause });
    }
    const anyVariant = text.split("/").length < 3;
    return (
      wanted.os === actual.os &&
      wanted.architecture === actual.architecture &&
      (anyVariant || wanted.variant === actual.variant)
    );
  });
}

function literalEntry(
  add: Exclude<AddSpec, AddSource>,
  { owner, time, fileMode, directoryMode, given }: Attributes,
): ListedEntry {
  const [what, mode] =
    "content" in add
      ? ["content", fileMode(0o644)]
      : "symlink" in add
        ? ["a symlink", 0o777]
        : ["a folder", directoryMode(0o755)];
  const path = "directory" in add ? parseDestination(add.dest).path : fileDestination(add.dest, what);
  // There is no source to take a time from: "source" is the default.
  const common = { path, mode, owner, mtime: time(Number.NaN), origin: `${what} of ${add.dest}`, explicit: true };
  if ("symlink" in add) return { ...common, type: "symlink", linkname: add.symlink };
  if ("directory" in add) {
    const asked = { mode: given.directoryMode, owner: given.owner };
    return { ...common, type: "directory", asked };
  }
  const bytes = Buffer.from(add.content);
  return { ...common, type: "file", size: bytes.length, content: { kind: "literal", bytes } };
}
