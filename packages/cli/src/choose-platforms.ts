import {
  attestedImage,
  type Descriptor,
  firstOf,
  formatPlatform,
  isAttestation,
  isIndexType,
  MemoryStore,
  openImage,
  OciError,
  type Options,
  parseIndex,
  type Platform,
  readBlob,
  selectPlatform,
} from "@lading/oci";
import type { Content } from "./write-image.ts";
import { parsePlatformArgument } from "./open-platform.ts";
import { naming } from "./registries.ts";
import { withReferrersOf } from "./referrer-source.ts";

/** Which images of an index are meant: all, as they are; that for this machine; or those named. */
export type PlatformChoice = "all" | "host" | readonly string[];

/** What `--platform` and `--all-platforms` say; a list may also be separated by commas. */
export function platformChoice(
  given: readonly string[],
  all: boolean,
  fallback: Exclude<PlatformChoice, readonly string[]>,
): PlatformChoice {
  const names = given.flatMap((text) => text.split(",")).filter((text) => text !== "");
  if (names.length > 0) return names;
  return all ? "all" : fallback;
}

/**
 * The content that a choice leaves. One platform is its manifest; several are a new index of theirs,
 * with their attestations, under a digest of its own. Throws OciError NOT_FOUND, which lists the
 * platforms there are, or UsageError.
 */
export async function choosePlatforms(
  content: Content & { readonly shown?: string },
  choice: PlatformChoice,
  options: Options = {},
): Promise<Content> {
  const { shown } = content;
  const choosing = async (): Promise<Content> => await choose(content, choice, options);
  return shown === undefined ? await choosing() : await naming(shown, choosing);
}

async function choose({ source, descriptor }: Content, choice: PlatformChoice, options: Options): Promise<Content> {
  const isIndex = isIndexType(descriptor.mediaType);
  if (choice === "all" || (choice === "host" && !isIndex)) return { source, descriptor };
  if (choice === "host") return { source, descriptor: (await openImage(source, descriptor, options)).descriptor };
  const platforms = choice.map(parsePlatformArgument);
  const [only] = platforms;
  if (platforms.length === 1 || !isIndex) {
    for (const platform of platforms) await openImage(source, descriptor, { ...options, platform });
    if (!isIndex || only === undefined) return { source, descriptor };
    return { source, descriptor: (await openImage(source, descriptor, { ...options, platform: only })).descriptor };
  }
  return await subset(source, descriptor, platforms, options);
}

/** Throws OciError UNSUPPORTED, before anything is moved, when a docker-archive could not hold all the platforms. */
export async function refuseSeveral({ source, descriptor }: Content, options: Options = {}): Promise<void> {
  if (!isIndexType(descriptor.mediaType)) return;
  const bytes = await readBlob(source.blob(descriptor), options);
  const { manifests } = parseIndex(bytes, descriptor.mediaType, `index ${descriptor.digest}`);
  const images = manifests.filter((entry) => entry.platform !== undefined && !isAttestation(entry));
  if (images.length > 1)
    throw new OciError("UNSUPPORTED", `Cannot write a docker-archive of ${images.length} platforms: ${list(images)}`, {
      hint: "Write an oci-archive, which Docker loads as well, or choose one with --platform",
    });
}

async function subset(
  source: Content["source"],
  root: Descriptor,
  platforms: readonly Platform[],
  options: Options,
): Promise<Content> {
  const bytes = await readBlob(source.blob(root), options);
  const index = parseIndex(bytes, root.mediaType, `index ${root.digest}`);
  const images = index.manifests.filter((entry) => !isAttestation(entry));
  const chosen = new Set<Descriptor>();
  for (const platform of platforms) {
    const found = selectPlatform(images, platform);
    if (found === undefined)
      throw new OciError(
        "NOT_FOUND",
        `Cannot find ${formatPlatform(platform)} in ${root.digest}: it holds ${list(images)}`,
      );
    chosen.add(found);
  }
  const digests = new Set([...chosen].map(({ digest }) => digest));
  const kept = index.manifests.filter((entry) => {
    const about = attestedImage(entry);
    return chosen.has(entry) || (about !== undefined && digests.has(about));
  });
  if (kept.length === index.manifests.length) return { source, descriptor: root };
  const memory = new MemoryStore();
  const text = new TextEncoder().encode(JSON.stringify({ ...index, manifests: kept }));
  const descriptor = await memory.write(
    (async function* once() {
      yield text;
    })(),
    root.mediaType,
    options,
  );
  return { source: withReferrersOf(source, firstOf(memory, source)), descriptor };
}

function list(images: readonly Descriptor[]): string {
  return images.flatMap(({ platform }) => (platform === undefined ? [] : formatPlatform(platform))).join(", ");
}
