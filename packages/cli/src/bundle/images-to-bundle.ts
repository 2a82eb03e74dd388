import { formatReference, isTag, Limiter, type Options, parseReference, withDefaultTag } from "@lading/oci";
import type { ImageToBundle } from "@lading/bundle";
import { choosePlatforms, type PlatformChoice } from "../choose-platforms.ts";
import { isReference, locate, type Located, parsePlaceArgument } from "../locate.ts";
import type { Registries } from "../registries.ts";
import { UsageError } from "../usage.ts";

/** An image that somebody wants in a bundle. */
export interface WantedImage {
  /** Where it is. */
  readonly place: string;
  /** What it is called on the other side; when not given, what the place calls it. */
  readonly name?: string | undefined;
  /** Files that name it, with lines. */
  readonly wantedBy: readonly string[];
}

/** One that was found. */
export interface FoundImage extends ImageToBundle {
  readonly wantedBy: readonly string[];
}

/** Reads `PLACE` or `PLACE=NAME`. Throws UsageError. */
export function parseWanted(text: string, wantedBy: readonly string[] = []): WantedImage {
  const at = text.lastIndexOf("=");
  if (at === -1) return { place: text, wantedBy };
  const [place, name] = [text.slice(0, at), text.slice(at + 1)];
  if (!isReference(name) || isTag(name))
    throw new UsageError(
      `Cannot bundle "${text}": expected a full name behind "=", as in oci:app:1=ghcr.io/acme/app:1`,
    );
  return { place, name, wantedBy };
}

/** Finds images. Throws UsageError for what has no name to be known by. */
export async function findImages(
  wanted: readonly WantedImage[],
  platforms: PlatformChoice,
  registries: Registries,
  options: Options,
): Promise<readonly FoundImage[]> {
  const limiter = new Limiter(questionsAtOnce);
  const found = await Promise.all(
    wanted.map(async ({ place, name, wantedBy }) => {
      const asked = async (): Promise<readonly FoundImage[]> => {
        const located = await locate(place, registries, options);
        const { source, descriptor } = await choosePlatforms(located, platforms, options);
        const names = namesOf(place, name, { ...located, descriptor });
        return names.map((each) => ({ name: each, source, descriptor, wantedBy }));
      };
      return await limiter.run(async () => await telling(wantedBy, asked));
    }),
  );
  return found.flat();
}

const questionsAtOnce = 6;

/** Of an image that is not there, says who wants it. */
async function telling<T>(wantedBy: readonly string[], task: () => Promise<T>): Promise<T> {
  try {
    return await task();
  } catch (cause) {
    throw wantedBy.length === 0 ? cause : new Error(`Cannot bundle what ${wantedBy.join(", ")} wants`, { cause });
  }
}

function namesOf(text: string, given: string | undefined, { names, descriptor }: Located): readonly string[] {
  if (given !== undefined) {
    const reference = withDefaultTag(parseReference(given));
    if (reference.digest !== undefined && reference.digest !== descriptor.digest)
      throw new UsageError(`Cannot bundle "${text}" as ${given}: it is ${descriptor.digest}`);
    return [formatReference(reference)];
  }
  const place = parsePlaceArgument(text);
  if (place.transport === "registry") {
    const { registry, repository } = place.reference;
    return names.length > 0 ? names : [formatReference({ registry, repository, digest: descriptor.digest })];
  }
  const full = names.filter((name) => !isTag(name) && isReference(name));
  if (full.length > 0) return full;
  throw new UsageError(`Cannot bundle "${text}": it has no full name there`, {
    hint: `Give it the one that it is to have on the other side: ${text}=ghcr.io/acme/app:1`,
  });
}
