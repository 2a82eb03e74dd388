import {
  type Descriptor,
  digestAlgorithm,
  digestHex,
  documentLimit,
  type Index,
  jsonBytes,
  mediaTypes,
  OciError,
  type Options,
  parseIndex,
} from "@lading/oci";
import { RegistryError } from "../errors.ts";
import { isNotFound } from "./failures.ts";
import { readManifest } from "./manifests.ts";
import { putManifest } from "./put-manifest.ts";
import { describe, pulling, pushing, type RemoteRepository } from "./remote.ts";

/** The tag that lists what refers to a digest where there is no API (distribution-spec §Referrers Tag Schema). */
export function referrersTag({ digest }: Pick<Descriptor, "digest">): string {
  // The hash is cut: a sha512 would make the tag longer than 128 characters.
  return `${digestAlgorithm(digest).slice(0, 32)}-${digestHex(digest).slice(0, 64)}`;
}

const empty: Index = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [] };

/** The index behind that tag; an empty one when there is none, or when the tag is of something else. */
export async function readReferrersTag(
  remote: RemoteRepository,
  subject: Descriptor,
  options: Options & { readonly scopes?: ReturnType<typeof pulling> } = {},
): Promise<Index> {
  try {
    const { descriptor, bytes } = await readManifest(remote, referrersTag(subject), options);
    if (descriptor.mediaType !== mediaTypes.ociIndex) return empty;
    return parseIndex(bytes, descriptor.mediaType, describe(remote, referrersTag(subject)));
  } catch (error) {
    // What others wrote there may be anything: to read, it counts as nothing.
    if (isNotFound(error) || (error instanceof OciError && error.code === "INVALID_DOCUMENT")) return empty;
    throw error;
  }
}

// Others write the same tag, and there is no lock: whoever finds their entry gone writes again.
const writes = 4;

/** Changes the list behind the tag, keeping what others put there. Nothing is written when nothing changes. */
export async function updateReferrersTag(
  remote: RemoteRepository,
  subject: Descriptor,
  change: (entries: readonly Descriptor[]) => readonly Descriptor[],
  options: Options,
): Promise<void> {
  for (let round = 0; round < writes; round += 1) {
    const index = await readReferrersTag(remote, subject, { ...options, scopes: pushing(remote) });
    const manifests = change(index.manifests);
    if (JSON.stringify(manifests) === JSON.stringify(index.manifests)) return;
    const bytes = jsonBytes({ ...index, mediaType: mediaTypes.ociIndex, manifests });
    if (bytes.byteLength > documentLimit)
      throw new RegistryError(
        "REFUSED",
        `Cannot list another referrer of ${describe(remote, subject.digest)}: its list is full at ${documentLimit} bytes`,
      );
    await putManifest(remote, { mediaType: mediaTypes.ociIndex, bytes }, referrersTag(subject), options);
  }
}

/** With `entry` as the last, once. */
export function withReferrer(entries: readonly Descriptor[], entry: Descriptor): readonly Descriptor[] {
  return entries.some(({ digest }) => digest === entry.digest) ? entries : [...entries, entry];
}
