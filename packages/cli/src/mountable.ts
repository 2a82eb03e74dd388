import type { Blob, Reference, Source } from "@lading/oci";

/**
 * `source`, for a push to `registry`: what has just been pushed to another repository there, one of
 * `pushed`, is mounted from it and not sent again.
 */
export function mountable(source: Source, registry: string, pushed: readonly Reference[]): Source {
  const origin = pushed.find((one) => one.registry === registry);
  if (origin === undefined) return source;
  return {
    resolve: (name, options) => source.resolve(name, options),
    blob(descriptor): Blob {
      const blob = source.blob(descriptor);
      if (blob.origin?.registry === registry) return blob;
      return {
        descriptor,
        origin: { registry, repository: origin.repository },
        open: (options) => blob.open(options),
      };
    },
  };
}
