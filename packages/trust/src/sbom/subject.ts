import { type Digest, digestHex, digestAlgorithm, formatPlatform, type Image, isDigest } from "@lading/oci";
import { purlOf } from "./purl.ts";

/** The image that an SBOM is of. */
export interface Subject {
  /** "ghcr.io/acme/app", without tag; the digest where it has no name. */
  readonly name: string;
  readonly digest: Digest;
  readonly purl: string;
  readonly platform: string;
  readonly base: BaseImage | undefined;
  /** Digests of the layers as they are stored, the lowest first. */
  readonly layers: readonly Digest[];
  /** When it was made; undefined when nobody says, or said 1970 to say nothing. */
  readonly created: Date | undefined;
}

/** The image that another one was laid on, as its annotations say. */
export interface BaseImage {
  readonly name: string;
  readonly digest: Digest | undefined;
  readonly purl: string;
}

export interface SubjectOptions {
  /** "ghcr.io/acme/app:1", or nothing. */
  readonly name?: string | undefined;
  /** Seconds; in the place of the image's own time (reproducible-builds.org). */
  readonly sourceDateEpoch?: number | undefined;
}

/** What an SBOM says of the image as a whole. */
export function subjectOf(image: Image, { name, sourceDateEpoch }: SubjectOptions = {}): Subject {
  const { descriptor, manifest, config, platform } = image;
  const { repository, tag } = partsOf(name ?? "");
  return {
    name: repository === "" ? descriptor.digest : repository,
    digest: descriptor.digest,
    purl: imagePurl(repository, descriptor.digest, {
      arch: [platform.architecture, platform.variant].filter((part) => part !== undefined).join("/"),
      tag,
    }),
    platform: formatPlatform(platform),
    base: baseOf({ ...config.config?.Labels, ...manifest.annotations }),
    layers: image.layers.map((layer) => layer.descriptor.digest),
    created: sourceDateEpoch === undefined ? dateOf(config.created) : new Date(sourceDateEpoch * 1000),
  };
}

function baseOf(annotations: Readonly<Record<string, string>>): BaseImage | undefined {
  const name = annotations["org.opencontainers.image.base.name"];
  const stated = annotations["org.opencontainers.image.base.digest"];
  const digest = stated !== undefined && isDigest(stated) ? stated : undefined;
  if (name === undefined && digest === undefined) return undefined;
  const { repository, tag } = partsOf(name ?? "");
  const shown = repository === "" ? (digest ?? "") : repository;
  return { name: tag === undefined ? shown : `${shown}:${tag}`, digest, purl: imagePurl(repository, digest, { tag }) };
}

/** purl-spec, type "oci": the last part of the repository's name, and all of it as a qualifier. */
function imagePurl(
  repository: string,
  digest: Digest | undefined,
  qualifiers: Readonly<Record<string, string | undefined>>,
): string {
  const name = repository.slice(repository.lastIndexOf("/") + 1);
  return purlOf("oci", {
    name: name === "" ? "image" : name,
    version: digest === undefined ? "" : `${digestAlgorithm(digest)}:${digestHex(digest)}`,
    qualifiers: { ...qualifiers, repository_url: repository.includes("/") ? repository : undefined },
  });
}

function partsOf(reference: string): { readonly repository: string; readonly tag: string | undefined } {
  const [, repository = "", tag] = /^([^@]*?)(?::([\w][\w.-]{0,127}))?(?:@.*)?$/.exec(reference) ?? [];
  return { repository: repository.slice(0, 512), tag };
}

function dateOf(text: string | undefined): Date | undefined {
  const time = text === undefined ? Number.NaN : Date.parse(text);
  return Number.isNaN(time) || time <= 0 ? undefined : new Date(time);
}
