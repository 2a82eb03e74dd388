import { type Descriptor, formatReference, nameAnnotations, parseCosignTag, parseReference } from "@lading/oci";

/** Something that index.json lists. */
export interface Entry {
  readonly descriptor: Descriptor;
  /** A reference with a tag or a digest; undefined for what is found by its subject. */
  readonly name?: string | undefined;
}

/**
 * Entries as index.json has them. Engines read the full name; skopeo and umoci look for a tag and
 * take the first that fits, so a tag that several images have is written out in full as well.
 */
export function nameEntries(entries: readonly Entry[]): readonly Descriptor[] {
  const digestsOf = new Map<string, Set<string>>();
  for (const { name, descriptor } of entries) {
    const tag = tagOf(name);
    if (tag !== undefined) digestsOf.set(tag, (digestsOf.get(tag) ?? new Set()).add(descriptor.digest));
  }
  const named = new Map<string, Descriptor>();
  for (const { name, descriptor } of entries) {
    const tag = tagOf(name);
    const isUnique = tag !== undefined && digestsOf.get(tag)?.size === 1;
    const ref = isUnique ? tag : name;
    const { mediaType, digest, size, artifactType, platform } = descriptor;
    const annotations =
      name === undefined
        ? withoutNames(descriptor.annotations)
        : parseCosignTag(tag ?? "") !== undefined
          ? { [nameAnnotations.beside]: name }
          : { [nameAnnotations.image]: name, [nameAnnotations.ref]: ref ?? name };
    named.set(name ?? digest, {
      mediaType,
      digest,
      size,
      ...(platform === undefined ? {} : { platform }),
      ...(artifactType === undefined ? {} : { artifactType }),
      ...(annotations === undefined ? {} : { annotations }),
    });
  }
  return [...named.values()];
}

// Of a referrer these are its document's: whoever may attach something to an image could take another's name.
function withoutNames(annotations: Descriptor["annotations"]): Descriptor["annotations"] {
  const names: readonly string[] = Object.values(nameAnnotations);
  const others = Object.entries(annotations ?? {}).filter(([key]) => !names.includes(key));
  return others.length === 0 ? undefined : Object.fromEntries(others);
}

/** The name of a signature, say, beside an image's: `ghcr.io/acme/app:sha256-….sig`. */
export function nameBeside(name: string, tag: string): string {
  const { registry, repository } = parseReference(name);
  return formatReference({ registry, repository, tag });
}

function tagOf(name: string | undefined): string | undefined {
  return name === undefined ? undefined : parseReference(name).tag;
}
