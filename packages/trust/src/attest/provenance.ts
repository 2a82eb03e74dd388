/** What SLSA calls a statement of how something was built. */
export const provenanceType = "https://slsa.dev/provenance/v1";

/** Something that went into a build (in-toto's ResourceDescriptor). */
export interface BuildMaterial {
  readonly uri?: string | undefined;
  readonly name?: string | undefined;
  /** By algorithm: "sha256", "gitCommit". */
  readonly digest: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, unknown>> | undefined;
}

/** What is known of a build. */
export interface BuildFacts {
  /** A URI that says what the parameters mean. */
  readonly buildType: string;
  /** What whoever asked for it could choose. */
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly materials: readonly BuildMaterial[];
  readonly builder: { readonly id: string; readonly version: Readonly<Record<string, string>> };
  /** What the machine that built calls this run: a URL of a CI job. */
  readonly invocationId?: string | undefined;
  readonly started?: Date | undefined;
  readonly finished?: Date | undefined;
}

/** The predicate of `provenanceType`, as SLSA v1 has it; what is not known is not there. */
export function provenanceOf(facts: BuildFacts): Record<string, unknown> {
  const { buildType, parameters, materials, builder, invocationId, started, finished } = facts;
  const metadata = defined({
    invocationId,
    startedOn: started && timeOf(started),
    finishedOn: finished && timeOf(finished),
  });
  return {
    buildDefinition: {
      buildType,
      externalParameters: defined(parameters),
      resolvedDependencies: materials.map(({ uri, name, digest, annotations }) =>
        defined({ uri, name, digest, annotations }),
      ),
    },
    runDetails: { builder, ...(Object.keys(metadata).length === 0 ? {} : { metadata }) },
  };
}

function timeOf(date: Date): string {
  return date.toISOString().replace(/\.\d{3}Z$/, "Z");
}

function defined(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
