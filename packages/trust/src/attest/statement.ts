import { type Descriptor, digestAlgorithm, digestHex } from "@lading/oci";

/** An in-toto statement: of these artifacts, this is so (in-toto.io/Statement/v1). */
export interface Statement {
  readonly _type: "https://in-toto.io/Statement/v1";
  readonly subject: readonly {
    readonly name?: string;
    readonly digest: Readonly<Record<string, string>>;
  }[];
  /** What kind of document the predicate is. */
  readonly predicateType: string;
  readonly predicate: Readonly<Record<string, unknown>>;
}

/** The media type of a statement, in a blob or in an envelope. */
export const statementType = "application/vnd.in-toto+json";

/** A statement about images: indexes or manifests. `name` is what they are called, "ghcr.io/acme/app". */
export function statementOf(
  subjects: readonly Descriptor[],
  predicateType: string,
  predicate: Readonly<Record<string, unknown>>,
  name?: string,
): Statement {
  return {
    _type: "https://in-toto.io/Statement/v1",
    subject: subjects.map(({ digest }) => ({
      ...(name === undefined ? {} : { name }),
      digest: { [digestAlgorithm(digest)]: digestHex(digest) },
    })),
    predicateType,
    predicate,
  };
}
