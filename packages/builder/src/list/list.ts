import { formatPlatform, normalizePlatform, parsePlatform, type Platform } from "@lading/oci";
import { createHash } from "node:crypto";
import { type AddSource, findSources, FoundSource } from "./add-source.ts";
import { Archives } from "./archive.ts";
import { type Attributes, attributesOf } from "./attributes.ts";
import { ChangeTimes } from "./change-times.ts";
import { Collected } from "./collected.ts";
import { Context } from "./context.ts";
import { fileDestination, parseDestination } from "./destination.ts";
import { BuildError } from "../errors.ts";
import { hashText } from "../hash-text.ts";
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
  return (await findLayer(layer, options)).list();
}

/** What a layer's `add` asks for, found on disk: `list` gives what `listLayer` does, and is looked at on disk no more. */
export class FoundLayer {
  #parts: readonly (FoundSource | ListedEntry)[];
  readonly #allowSecrets: readonly string[];
  readonly #times: ChangeTimes;
  #listed: ListedEntry[] | undefined;
  /**
   * Equal when the list is, as far as sizes, times and inodes of files tell. Undefined when only the list itself can
   * tell. Lower-case hex.
   */
  readonly key: string | undefined;

  constructor(
    parts: readonly (FoundSource | ListedEntry)[],
    { allowSecrets, times, asked }: Pick<FoundParts, "allowSecrets" | "times" | "asked">,
  ) {
    this.#parts = parts;
    this.#allowSecrets = allowSecrets;
    this.#times = times;
    this.key = keyOf(parts, asked);
  }

  /** Throws BuildError SOURCE_MISSING, SOURCE_UNREADABLE, SECRET. */
  list(): ListedEntry[] {
    if (this.#listed !== undefined) return this.#listed;
    const into = new Collected();
    for (const part of this.#parts)
      if (part instanceof FoundSource) part.put(into);
      else into.add(part);
    this.#listed = into.finish(this.#allowSecrets);
    this.#parts = [];
    return this.#listed;
  }

  /** Whether the key tells of every change after `listedAt`, when finding began: see ChangeTimes. */
  isSettled(listedAt: number): boolean {
    return this.#times.areSettled(listedAt);
  }
}

interface FoundParts {
  readonly allowSecrets: readonly string[];
  readonly times: ChangeTimes;
  /** All that the list depends on beside what is found. */
  readonly asked: unknown;
}

function keyOf(parts: readonly (FoundSource | ListedEntry)[], asked: unknown): string | undefined {
  const hash = createHash("sha256");
  hashText(hash, JSON.stringify(asked));
  // Literal content is part of what was asked for.
  for (const [index, part] of parts.entries())
    if (part instanceof FoundSource) {
      hashText(hash, `${index}\0`);
      if (!part.hash(hash)) return undefined;
    }
  return hash.digest("hex");
}

/** Finds on disk what a layer's `add` asks for. Throws as `listLayer`. */
export async function findLayer(layer: LayerSpec, options: ListOptions): Promise<FoundLayer> {
  const { platform, timestamp, ignore, signal, onWarning = () => {}, allowSecrets = [], cacheDir } = options;
  const { archives = new Archives() } = options;
  const times = new ChangeTimes();
  const parts: (FoundSource | ListedEntry)[] = [];
  const context = isFor(layer.platform, platform) ? new Context(options.context) : undefined;
  for (const one of (context && layer.add) ?? []) {
    if (context === undefined || !isFor(one.platform, platform)) continue;
    const attributes = attributesOf(layer, one, timestamp);
    if (!("src" in one)) {
      parts.push(literalEntry(one, attributes));
      continue;
    }
    const sources = one.src.map((source) => expandTarget(source, platform));
    const found = await findSources(one, layer, sources, {
      context,
      ignore: one.ignore === false ? options.outputs : ignore,
      attributes,
      onWarning,
      signal,
      times,
      cacheDir,
      archives,
      unpack: one.unpack === true,
    });
    parts.push(...found);
  }
  const asked = [layer, timestamp, allowSecrets, context?.root, platform && formatPlatform(platform)];
  return new FoundLayer(parts, { allowSecrets, times, asked });
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
