import { firstOf, MemoryStore, type ReferrerSource } from "@lading/oci";
import { type Artifact, attach } from "@lading/trust";
import { kindOf } from "../trust/attach.ts";
import type { Content } from "../write-image.ts";

/** Content with artifacts beside it, as if they had been attached where it is. */
export async function withArtifacts({ source, descriptor }: Content, artifacts: readonly Artifact[]): Promise<Content> {
  const beside = new MemoryStore();
  await attach(beside, artifacts);
  const all = firstOf(beside, source);
  const both: ReferrerSource = {
    // Names of the image are given where it goes; what a base's place calls something is none of them.
    resolve: async (name) => await beside.resolve(name),
    blob: (wanted) => all.blob(wanted),
    referrers: async (subject) => await beside.referrers(subject),
  };
  const marks = artifacts.some(({ tag }) => tag !== undefined)
    ? { annotations: { ...descriptor.annotations, ...kindOf(descriptor) } }
    : {};
  return { source: both, descriptor: { ...descriptor, ...marks } };
}
