/** Where something stands in a document. */
export type Path = readonly (string | number)[];

/** What was found in a document of workloads: where a container's image is written, or something to be told. */
export type Found = { readonly path: Path } & ({ readonly image: unknown } | { readonly note: string });

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
