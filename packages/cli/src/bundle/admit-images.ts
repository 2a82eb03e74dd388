import { firstOf, formatReference, parseReference, type ReferrerSource } from "@lading/oci";
import type { Admission } from "../trust/admission.ts";
import type { VerifiedFile } from "./verify-opened.ts";

/**
 * Holds the images of a bundle against a policy, by the names that they have in it and by signatures that are in it, too.
 * Throws TrustError for the first that must not be used: before anything of any of them is loaded.
 */
export async function admitImages(
  { bundle, bases }: VerifiedFile,
  admission: Admission | undefined,
  signal: AbortSignal,
): Promise<void> {
  if (admission === undefined) return;
  for (const { name, descriptor } of bundle.images) {
    const beside = name === undefined ? undefined : parseReference(name);
    const content = firstOf(bundle, ...bases);
    const source: ReferrerSource = {
      blob: (each) => content.blob(each),
      referrers: async (subject) => await bundle.referrers(subject),
      // In a bundle the tags of signatures are those of their image's repository.
      resolve: async (tag) =>
        await bundle.resolve(
          beside === undefined
            ? tag
            : formatReference({ registry: beside.registry, repository: beside.repository, tag }),
        ),
    };
    const shown = name ?? descriptor.digest;
    await admission.admitNamed(name, { source, descriptor, shown }, bundle.file, { signal });
  }
}
