import { type Descriptor, isAttestation, isIndexType, type Options, successors } from "@lading/oci";
import type { Located } from "../locate.ts";

/** What a place names, and with `recursive` the images of an index as well; what BuildKit attests of them is none. */
export async function subjectsAt(
  { source, descriptor }: Located,
  recursive: boolean,
  options: Options,
): Promise<readonly Descriptor[]> {
  if (!recursive || !isIndexType(descriptor.mediaType)) return [descriptor];
  const children = (await successors(source, descriptor, options)).filter((child) => !isAttestation(child));
  return [descriptor, ...new Map(children.map((child) => [child.digest, child])).values()];
}
