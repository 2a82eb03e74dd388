import type { BuildResult } from "@lading/builder";
import {
  type Descriptor,
  type Digest,
  firstOf,
  formatPlatform,
  MemoryStore,
  openImage,
  type Options,
  parseReference,
  type ReferrerSource,
} from "@lading/oci";
import {
  attachStatement,
  type AttachOptions,
  type BuildFacts,
  makeSbom,
  provenanceOf,
  provenanceType,
  type SbomFormat,
  statementOf,
} from "@lading/trust";
import { unreadWarnings } from "../show/show-packages.ts";
import { version } from "../version.ts";
import type { Content } from "../write-image.ts";

/** What is to be said of what was built. */
export interface WhatToAttest extends Options {
  /** The formats of SBOMs of each image. */
  readonly sboms: readonly SbomFormat[];
  /** For the provenance. Default: none is made. */
  readonly facts?: BuildFacts | undefined;
  /** The image's first full name. */
  readonly name: string | undefined;
  readonly sourceDateEpoch: number | undefined;
  readonly sign?: AttachOptions["sign"];
}

/** A statement that was attached to an image. */
export interface Attestation {
  /** The image or index that it is about. */
  readonly subject: Digest;
  /** Absent for an index. */
  readonly platform?: string;
  readonly predicateType: string;
  /** Of the manifest that carries it. */
  readonly digest: Digest;
}

/** What was built, with what was said of it. */
export interface AttestedContent extends Content {
  readonly attestations: readonly Attestation[];
  /** What people should know of it. */
  readonly warnings: readonly string[];
}

/** Says of what was built what is in it and how it came about. The result is the same content, with that attached. */
export async function attestBuild(
  { source, descriptor, images }: BuildResult,
  { sboms, facts, name, sourceDateEpoch, sign, signal }: WhatToAttest,
): Promise<AttestedContent> {
  const memory = new MemoryStore();
  const attestations: Attestation[] = [];
  const warnings: string[] = [];
  const all = firstOf(memory, source);
  const repository = name === undefined ? undefined : repositoryOf(name);
  const attach = async (
    to: Descriptor,
    about: readonly Descriptor[],
    predicateType: string,
    predicate: Readonly<Record<string, unknown>>,
    platform?: string,
  ): Promise<void> => {
    const statement = statementOf(about, predicateType, predicate, repository);
    const { digest } = await attachStatement(memory, to, statement, { sign, signal });
    attestations.push({
      subject: to.digest,
      ...(platform === undefined ? {} : { platform }),
      predicateType,
      digest,
    });
  };

  for (const image of images)
    for (const format of sboms) {
      const opened = await openImage(source, image.descriptor, { signal });
      const { document, predicateType, inventory } = await makeSbom(opened, {
        format,
        name,
        sourceDateEpoch,
        tool: { name: "lading", version },
        signal,
      });
      if (format === sboms[0]) warnings.push(...unreadWarnings(inventory));
      await attach(image.descriptor, [image.descriptor], predicateType, document, formatPlatform(image.platform));
    }
  if (facts !== undefined) {
    const made = images.map((image) => image.descriptor);
    const about = images.some((image) => image.descriptor.digest === descriptor.digest) ? made : [descriptor, ...made];
    // Whoever asks for one platform finds it as well as whoever asks for all of them.
    for (const one of about) {
      const image = images.find((each) => each.descriptor.digest === one.digest);
      const platform = image === undefined ? undefined : formatPlatform(image.platform);
      await attach(one, about, provenanceType, provenanceOf(facts), platform);
    }
  }
  const attested: ReferrerSource = {
    // No name of a base's place is one of these.
    resolve: async (wanted) => await memory.resolve(wanted),
    blob: (wanted) => all.blob(wanted),
    referrers: async (subject) => await memory.referrers(subject),
  };
  return { source: attested, descriptor, attestations, warnings };
}

function repositoryOf(name: string): string {
  const { registry, repository } = parseReference(name);
  return `${registry}/${repository}`;
}
