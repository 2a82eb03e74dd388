import { type Descriptor, OciError, type Source } from "@lading/oci";

/** The same source; when bytes turn out not to be what their descriptor says, `tell` says where they came from. */
export function blaming(source: Source, tell: (descriptor: Descriptor, cause: OciError) => Error): Source {
  return {
    resolve: (name, options) => source.resolve(name, options),
    blob(descriptor) {
      const blob = source.blob(descriptor);
      return {
        ...blob,
        async *open(options) {
          try {
            yield* blob.open(options);
          } catch (cause) {
            throw isDamage(cause) ? tell(descriptor, cause) : cause;
          }
        },
      };
    },
  };
}

function isDamage(error: unknown): error is OciError {
  return error instanceof OciError && (error.code === "DIGEST_MISMATCH" || error.code === "SIZE_MISMATCH");
}
