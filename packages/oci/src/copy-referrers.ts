import type { ReferrerSource, Sink, Source } from "./content.ts";
import { copy, CopyError, type CopyOptions } from "./copy.ts";
import { cosignTags } from "./cosign-tags.ts";
import { type Descriptor, isIndexType } from "./descriptor.ts";
import { OciError } from "./errors.ts";
import { successors } from "./graph.ts";

/** What refers to content: by its `subject`, or, as cosign did before there was one, by its tag. */
export interface FoundReferrer {
  readonly descriptor: Descriptor;
  /** `sha256-….sig`; undefined for what has a subject. */
  readonly tag?: string;
}

// Signatures of signatures of…: deeper than any that means something.
const maxDepth = 8;

/**
 * Copies what refers to `root` and to the manifests under it (signatures, SBOMs, attestations), and
 * what refers to those in turn. `root` itself must be in the sink already. Returns what was found,
 * copied now or there before. Throws CopyError.
 */
export async function copyReferrers(
  source: Source,
  sink: Sink,
  root: Descriptor,
  options: CopyOptions = {},
): Promise<readonly FoundReferrer[]> {
  const found = new Map<string, FoundReferrer>();
  let subjects = await manifestsUnder(source, root, options);
  for (let depth = 0; depth < maxDepth && subjects.length > 0; depth += 1) {
    const next: Descriptor[] = [];
    for (const subject of subjects)
      for (const referrer of await reading(subject, () => referrersOf(source, subject, options))) {
        const { descriptor, tag } = referrer;
        const key = `${descriptor.digest} ${tag ?? ""}`;
        if (found.has(key)) continue;
        found.set(key, referrer);
        await copy(source, sink, descriptor, options);
        await (tag === undefined ? sink.keep?.(descriptor, options) : sink.tag(descriptor, tag, options));
        next.push(descriptor);
      }
    subjects = next;
  }
  return [...found.values()];
}

/** What refers to `subject` at a place: by `subject` where the place can tell, and by the tags of cosign. */
export async function referrersOf(
  source: Source,
  subject: Descriptor,
  options: CopyOptions = {},
): Promise<readonly FoundReferrer[]> {
  const { signal } = options;
  const bySubject = isReferrerSource(source) ? await source.referrers(subject, { signal }) : [];
  const byTag = await Promise.all(
    cosignTags(subject.digest).map(async (tag): Promise<readonly FoundReferrer[]> => {
      const descriptor = await source.resolve(tag, { signal }).catch((error: unknown) => {
        if (error instanceof OciError && error.code === "NOT_FOUND") return undefined;
        throw error;
      });
      return descriptor === undefined ? [] : [{ descriptor, tag }];
    }),
  );
  return [...bySubject.map((descriptor) => ({ descriptor })), ...byTag.flat()];
}

function isReferrerSource(source: Source): source is ReferrerSource {
  return "referrers" in source;
}

async function manifestsUnder(source: Source, root: Descriptor, options: CopyOptions): Promise<readonly Descriptor[]> {
  const { signal, select = () => true } = options;
  if (!isIndexType(root.mediaType)) return [root];
  const children = await reading(root, () => successors(source, root, { signal }));
  const below = await Promise.all(
    children.filter((child) => select(child, root)).map((child) => manifestsUnder(source, child, options)),
  );
  return [root, ...below.flat()];
}

async function reading<T>(descriptor: Descriptor, task: () => Promise<T>): Promise<T> {
  try {
    return await task();
  } catch (error) {
    throw new CopyError("source", descriptor, error);
  }
}
