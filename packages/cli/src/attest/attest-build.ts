import type { BuildResult } from "@lading/builder";
import { type Descriptor, formatPlatform, openImage, type Options, parseReference } from "@lading/oci";
import {
  type BuildFacts,
  makeSbom,
  provenanceOf,
  provenanceType,
  type SbomFormat,
  type Statement,
  statementOf,
} from "@lading/trust";
import { unreadWarnings } from "../show/show-packages.ts";
import { version } from "../version.ts";

/** What is to be said of what was built. */
export interface WhatToAttest extends Options {
  /** The formats of SBOMs of each image. */
  readonly sboms: readonly SbomFormat[];
  /** For the provenance. Default: none is made. */
  readonly facts?: BuildFacts | undefined;
  /** The image's first full name. */
  readonly name: string | undefined;
  readonly sourceDateEpoch: number | undefined;
}

/** A statement, and what it is to be attached to. */
export interface BuildStatement {
  /** The image or index. */
  readonly subject: Descriptor;
  /** Absent for an index. */
  readonly platform: string | undefined;
  readonly statement: Statement;
}

/** What there is to say of what was built: what is in it, and how it came about. `warnings` are what people should know of it. */
export async function statementsOf(
  { source, descriptor, images }: BuildResult,
  { sboms, facts, name, sourceDateEpoch, signal }: WhatToAttest,
): Promise<{ readonly statements: readonly BuildStatement[]; readonly warnings: readonly string[] }> {
  const statements: BuildStatement[] = [];
  const warnings: string[] = [];
  const repository = name === undefined ? undefined : repositoryOf(name);
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
      const subject = image.descriptor;
      const statement = statementOf([subject], predicateType, document, repository);
      statements.push({ subject, platform: formatPlatform(image.platform), statement });
    }
  if (facts !== undefined) {
    // Whoever asks for one platform finds it as well as whoever asks for all of them.
    const about = subjectsOf({ descriptor, images });
    const statement = statementOf(
      about.map(({ subject }) => subject),
      provenanceType,
      provenanceOf(facts),
      repository,
    );
    statements.push(...about.map(({ subject, platform }) => ({ subject, platform, statement })));
  }
  return { statements, warnings };
}

/** What was built: the index, if it is one, and each image. */
export function subjectsOf({
  descriptor,
  images,
}: Pick<BuildResult, "descriptor" | "images">): readonly Omit<BuildStatement, "statement">[] {
  const made = images.map((image) => ({ subject: image.descriptor, platform: formatPlatform(image.platform) }));
  return made.some(({ subject }) => subject.digest === descriptor.digest)
    ? made
    : [{ subject: descriptor, platform: undefined }, ...made];
}

function repositoryOf(name: string): string {
  const { registry, repository } = parseReference(name);
  return `${registry}/${repository}`;
}
