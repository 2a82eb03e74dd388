import { type Descriptor, OciError, type Source, tapSource } from "@lading/oci";

/** The same source; when bytes turn out not to be what their descriptor says, `tell` says where they came from. */
export function blaming(source: Source, tell: (descriptor: Descriptor, cause: OciError) => Error): Source {
  return tapSource(source, (descriptor) => ({
    onError: (cause) => (isDamage(cause) ? tell(descriptor, cause) : cause),
  }));
}

function isDamage(error: unknown): error is OciError {
  return error instanceof OciError && (error.code === "DIGEST_MISMATCH" || error.code === "SIZE_MISMATCH");
}
