import {
  copy,
  cosignKinds,
  type Descriptor,
  isIndexType,
  LayoutStore,
  nameOf,
  OciArchive,
  OciArchiveSink,
  type Options,
} from "@lading/oci";
import { type Artifact, attach } from "@lading/trust";
import type { Located } from "../locate.ts";
import { isFilePlace, parsePlaceArgument } from "../locate.ts";
import { attempting, type Registries } from "../registries.ts";
import { UsageError } from "../usage.ts";

/** Throws UsageError for a place that has no room for signatures: before one is made. */
export function checkAttachable(text: string): void {
  const place = parsePlaceArgument(text);
  if (place.transport === "registry" || place.transport === "oci") return;
  if (place.transport === "oci-archive" && place.path !== "-") return;
  throw new UsageError(`Cannot sign in "${text}": signatures go into registries, oci:DIR and oci-archive:FILE`);
}

/**
 * Attaches signatures and attestations where their subjects are: in a registry, a layout, or an
 * archive, which is written anew. In the latter two images are marked as cosign looks for them.
 */
export async function attachAt(
  text: string,
  located: Located,
  artifacts: readonly Artifact[],
  registries: Registries,
  options: Options,
): Promise<void> {
  const place = parsePlaceArgument(text);
  const { source } = located;
  if (place.transport === "registry") {
    const repository = await registries.repository(place.reference);
    await attempting(`Cannot push to ${located.shown}`, async () => await attach(repository, artifacts, options));
  } else if (source instanceof LayoutStore) {
    await attach(source, artifacts, options);
    for (const { subject } of artifacts) await source.annotate(subject, kindOf(subject), options);
  } else if (source instanceof OciArchive && isFilePlace(place)) {
    await rewrite(source, place.path, artifacts, options);
  } else checkAttachable(text);
}

/** How cosign marks in a layout what is an image. */
export function kindOf({ mediaType }: Descriptor): Readonly<Record<string, string>> {
  return { [cosignKinds.annotation]: isIndexType(mediaType) ? cosignKinds.index : cosignKinds.image };
}

async function rewrite(
  archive: OciArchive,
  path: string,
  artifacts: readonly Artifact[],
  options: Options,
): Promise<void> {
  if (Object.keys(archive.annotations).length > 0)
    throw new UsageError(`Cannot sign in "${path}": it is a bundle, whose list would no longer be true`, {
      hint: "Sign the images first, and then make a bundle of them",
    });
  const replaced = new Set(artifacts.map(({ tag }) => tag).filter((tag) => tag !== undefined));
  const subjects = new Map(artifacts.map(({ subject }) => [subject.digest, subject]));
  await using sink = await OciArchiveSink.create(path);
  const listed = await archive.list();
  for (const entry of listed) {
    if (replaced.has(nameOf(entry) ?? "")) continue;
    await copy(archive, sink, entry, options);
    const subject = subjects.get(entry.digest);
    const annotations = { ...entry.annotations, ...(subject === undefined ? {} : kindOf(subject)) };
    await sink.list({ ...entry, ...(Object.keys(annotations).length === 0 ? {} : { annotations }) });
  }
  // cosign lists no bundles; here they are, so that they are not lost.
  for (const entry of listed)
    for (const referrer of await archive.referrers(entry, options)) {
      await copy(archive, sink, referrer, options);
      await sink.keep(referrer);
    }
  await attach(sink, artifacts, options);
  await sink.finish(options);
}
