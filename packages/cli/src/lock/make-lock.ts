import { type BuildRequest, type DockerfileRequest, type LocatedBase, withoutUserinfo } from "@lading/builder";
import {
  type Digest,
  formatPlatform,
  isAttestation,
  isIndexType,
  openImage,
  type Options,
  parseIndex,
  readBlob,
} from "@lading/oci";
import { isPinned } from "./locked-bases.ts";
import type { Lock, LockedImage } from "./lock-file.ts";

/** What became of one place or URL. */
export interface LockChange {
  readonly place: string;
  readonly state: "added" | "kept" | "moved" | "removed";
  readonly digest: string;
  /** What it was, for one that moved. */
  readonly before?: string;
  /** The platforms: all of them, or of one that moved those that are others now, came or went. */
  readonly platforms: readonly string[];
}

export interface MakeLockOptions extends Options {
  /** Asks every place again; else what is locked stays. Default: false. */
  readonly update?: boolean;
}

/** What is to be locked: the places of images, and the URLs of files. */
export interface Lockable {
  readonly places: readonly string[];
  readonly urls: readonly string[];
}

/** How to find out what they are. */
export interface Lookups {
  readonly locate: BuildRequest["locate"];
  readonly fetch: NonNullable<DockerfileRequest["fetch"]>;
}

/** The lock for them, made of an older one and of what they are now. Writes nothing. */
export async function makeLock(
  { places, urls: fetched }: Lockable,
  before: Lock | undefined,
  { locate, fetch }: Lookups,
  { update = false, signal }: MakeLockOptions = {},
): Promise<{ readonly lock: Lock; readonly changes: readonly LockChange[] }> {
  const wanted = [...new Set(places)].filter((place) => !isPinned(place)).toSorted();
  const images: Record<string, LockedImage> = {};
  const changes: LockChange[] = [];
  for (const place of wanted) {
    const old = before?.images[place];
    const image = old !== undefined && !update ? old : await look(await locate(place, { signal }), { signal });
    images[place] = image;
    changes.push(changeOf(place, old, image));
  }
  for (const [place, { digest, platforms }] of Object.entries(before?.images ?? {}))
    if (!wanted.includes(place)) changes.push({ place, state: "removed", digest, platforms: Object.keys(platforms) });
  const urls: Record<string, Digest> = {};
  // A lock is for everybody to read: whose password fetched a file is not in it.
  const files = new Map(fetched.toSorted().map((url) => [withoutUserinfo(url), url]));
  for (const [place, url] of files) {
    const old = before?.urls?.[place];
    const digest = old !== undefined && !update ? old : (await fetch(url, { signal })).digest;
    urls[place] = digest;
    changes.push(changeOf(place, old && { digest: old, platforms: {} }, { digest, platforms: {} }));
  }
  for (const [url, digest] of Object.entries(before?.urls ?? {}))
    if (!files.has(url)) changes.push({ place: withoutUserinfo(url), state: "removed", digest, platforms: [] });
  return { lock: { version: 1, images, urls }, changes };
}

function changeOf(place: string, old: LockedImage | undefined, { digest, platforms }: LockedImage): LockChange {
  if (old === undefined) return { place, state: "added", digest, platforms: Object.keys(platforms) };
  if (old.digest === digest) return { place, state: "kept", digest, platforms: Object.keys(platforms) };
  const all = [...new Set([...Object.keys(old.platforms), ...Object.keys(platforms)])].toSorted();
  const moved = all.filter((platform) => old.platforms[platform] !== platforms[platform]);
  return { place, state: "moved", digest, before: old.digest, platforms: moved };
}

/** The digests of what a place names; reads documents only. */
async function look({ source, descriptor }: LocatedBase, options: Options): Promise<LockedImage> {
  const { digest, mediaType } = descriptor;
  if (!isIndexType(mediaType)) {
    const { platform } = await openImage(source, descriptor, options);
    return { digest, platforms: { [formatPlatform(platform)]: digest } };
  }
  const { manifests } = parseIndex(await readBlob(source.blob(descriptor), options), mediaType, `index ${digest}`);
  const images = manifests.flatMap((entry) =>
    entry.platform === undefined || isAttestation(entry)
      ? []
      : [[formatPlatform(entry.platform), entry.digest] as const],
  );
  return { digest, platforms: Object.fromEntries(images) };
}
