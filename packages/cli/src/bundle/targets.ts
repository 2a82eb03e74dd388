import type { Base, Bundle, BundledImage, LoadTarget } from "@lading/bundle";
import { formatReference, parseReference, type Sink } from "@lading/oci";
import { type Registries, repositoryOf } from "../registries.ts";
import { UsageError } from "../usage.ts";
import { rename, type Renaming } from "./rename.ts";

/** An image of a bundle, and the name it is to have. */
export interface RenamedImage {
  readonly image: BundledImage;
  readonly name: string | undefined;
}

/** The images of a bundle under their new names. Throws UsageError for two that would have the same. */
export function renameImages(
  { images }: Bundle,
  rules: readonly Renaming[],
  place: (name: string) => string = (name) => name,
): readonly RenamedImage[] {
  const taken = new Map<string, BundledImage>();
  return images.map((image) => {
    if (image.name === undefined) return { image, name: undefined };
    const name = place(rename(image.name, rules));
    const other = taken.get(name);
    if (other !== undefined && other.descriptor.digest !== image.descriptor.digest)
      throw new UsageError(`Cannot load ${other.name} and ${image.name}: both would be called ${name}`, {
        hint: "Keep them apart with --rename FROM=TO, in a registry also with --scoped",
      });
    taken.set(name, image);
    return { image, name };
  });
}

/** Targets in a layout or an archive, which hold all images. */
export function fileTargets(images: readonly RenamedImage[], sink: Sink, shown: string): readonly LoadTarget[] {
  return images.map(({ image, name }) => {
    const named = name === undefined ? undefined : parseReference(name);
    return {
      image,
      sink,
      shown,
      name,
      ...(named === undefined ? {} : { nameBeside: (tag) => formatReference({ ...repositoryOf(named), tag }) }),
    };
  });
}

/** Targets in a registry, a repository for each image. Throws UsageError for an image without a name. */
export async function registryTargets(
  images: readonly RenamedImage[],
  registries: Registries,
): Promise<readonly LoadTarget[]> {
  return await Promise.all(
    images.map(async ({ image, name }) => {
      if (name === undefined)
        throw new UsageError(`Cannot load ${image.descriptor.digest} into a registry: the bundle has no name for it`);
      const reference = parseReference(name);
      const { registry, repository, tag } = reference;
      return {
        image,
        sink: await registries.repository(reference),
        shown: name,
        name: tag,
        origin: { registry, repository },
      };
    }),
  );
}

/** Where a registry that has loaded what a delta builds on has it: repositories under the names they got there. */
export async function registryBases(
  { delta }: Bundle,
  rules: readonly Renaming[],
  place: (name: string) => string,
  registries: Registries,
): Promise<readonly Base[]> {
  const names = delta?.repositories ?? [];
  const references = names.map((name) => repositoryOf(parseReference(place(rename(name, rules)))));
  const distinct = new Map(references.map((reference) => [formatReference(reference), reference]));
  return await Promise.all([...distinct.values()].map(async (reference) => await registries.repository(reference)));
}
