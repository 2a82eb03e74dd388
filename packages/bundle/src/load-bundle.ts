import {
  type Blob,
  copy,
  type CopyEvent,
  type Descriptor,
  type Digest,
  OciError,
  type Options,
  type Sink,
  type Source,
} from "@lading/oci";
import type { BundledImage, Bundle } from "./bundle.ts";

/** Where an image of a bundle goes. */
export interface LoadTarget {
  readonly image: BundledImage;
  readonly sink: Sink;
  /** What it is to be called there; when not given, it is listed without a name. */
  readonly name?: string | undefined;
  /** What the tags of cosign's signatures are called there; as they are when not given. */
  readonly nameBeside?: (tag: string) => string;
  /** Of a repository: other repositories of its registry mount from it what they have in common. */
  readonly origin?: NonNullable<Blob["origin"]>;
  /** How it is told of, in errors. */
  readonly shown: string;
}

export interface LoadBundleOptions extends Options {
  readonly onProgress?: (event: CopyEvent, blob: Blob) => void;
  /** Where what a delta lacks may be as well: bundles that it builds on, repositories of the same registry. */
  readonly bases?: readonly Base[];
  /** Whether signatures, SBOMs and attestations come along. Default: true. */
  readonly referrers?: boolean;
}

/** A place that may have what a delta lacks. */
export interface Base extends Pick<Source, "blob"> {
  has(descriptor: Descriptor, options?: Options): Promise<boolean>;
}

/**
 * Puts images with all that belongs to them where they are used. What a delta lacks must be there
 * already: OciError NOT_FOUND comes before anything is written. Names are given last, when the
 * content of all images is there. Verify the bundle before: here a damaged blob shows only when it is read.
 */
export async function loadBundle(
  bundle: Bundle,
  targets: readonly LoadTarget[],
  options: LoadBundleOptions = {},
): Promise<void> {
  const { bases = [], referrers = true, onProgress, signal } = options;
  const loads = targets.map((target) => {
    const all = bundle.belongings(target.image);
    return { target, ...all, referrers: referrers ? all.referrers : [] };
  });
  const elsewhere = await findMissing(bundle, loads, bases, { signal });
  const origins = new Map<Digest, NonNullable<Blob["origin"]>>();
  const source: Source = {
    resolve: async (name, more) => await bundle.resolve(name, more),
    blob: (descriptor) => {
      const blob = elsewhere.get(descriptor.digest)?.blob(descriptor) ?? bundle.blob(descriptor);
      const origin = blob.origin ?? origins.get(descriptor.digest);
      return origin === undefined ? blob : { descriptor, origin, open: (more) => blob.open(more) };
    },
  };
  const copying = { signal, onProgress: (event: CopyEvent) => onProgress?.(event, source.blob(event.descriptor)) };
  for (const { target, content, referrers: beside } of loads) {
    for (const { descriptor } of [target.image, ...beside]) await copy(source, target.sink, descriptor, copying);
    const { origin } = target;
    if (origin !== undefined) for (const { digest } of content) if (!origins.has(digest)) origins.set(digest, origin);
  }
  for (const { target, referrers: beside } of loads)
    for (const { descriptor, tag } of beside)
      await give(target.sink, descriptor, tag === undefined ? undefined : (target.nameBeside?.(tag) ?? tag), {
        signal,
      });
  for (const { target } of loads) await give(target.sink, target.image.descriptor, target.name, { signal });
}

async function give(sink: Sink, descriptor: Descriptor, name: string | undefined, { signal }: Options): Promise<void> {
  await (name === undefined ? sink.keep?.(descriptor, { signal }) : sink.tag(descriptor, name, { signal }));
}

interface Load {
  readonly target: LoadTarget;
  readonly content: readonly Descriptor[];
}

/** Where what the bundle does not hold is, unless it is at its target already. */
async function findMissing(
  bundle: Bundle,
  loads: readonly Load[],
  bases: readonly Base[],
  { signal }: Options,
): Promise<ReadonlyMap<Digest, Base>> {
  const elsewhere = new Map<Digest, Base>();
  const lacking: { readonly shown: string; readonly descriptor: Descriptor }[] = [];
  for (const { target, content } of loads)
    for (const descriptor of content) {
      const { digest } = descriptor;
      if (bundle.holds(digest) || (await target.sink.has(descriptor, { signal }))) continue;
      let base = elsewhere.get(digest);
      for (const each of base === undefined ? bases : []) if (await each.has(descriptor, { signal })) base ??= each;
      if (base === undefined) lacking.push({ shown: target.shown, descriptor });
      else elsewhere.set(digest, base);
    }
  const [first] = lacking;
  if (first === undefined) return elsewhere;
  const count = new Set(lacking.map(({ descriptor }) => descriptor.digest)).size;
  throw new OciError(
    "NOT_FOUND",
    `Cannot load ${bundle.file} without what it builds on: ${first.shown} lacks ${count === 1 ? "" : `${count} blobs, among them `}${first.descriptor.digest}`,
    {
      hint: `Load the bundle ${bundle.delta?.since ?? "that has them"} there first, or give its file as a base (--base FILE)`,
    },
  );
}
