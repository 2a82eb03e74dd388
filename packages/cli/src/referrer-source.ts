import type { ReferrerSource, Source } from "@lading/oci";

/** `wrapped`, which reads from `source` in some other way, and tells of referrers where `source` can. */
export function withReferrersOf(source: Source, wrapped: Source): Source {
  if (!isReferrerSource(source)) return wrapped;
  const both: ReferrerSource = {
    resolve: (name, options) => wrapped.resolve(name, options),
    blob: (descriptor) => wrapped.blob(descriptor),
    referrers: async (subject, options) => await source.referrers(subject, options),
  };
  return both;
}

function isReferrerSource(source: Source): source is ReferrerSource {
  return "referrers" in source;
}
