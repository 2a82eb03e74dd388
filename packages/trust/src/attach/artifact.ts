import { copy, type Descriptor, type Options, type Sink, type Source } from "@lading/oci";

/** What is to lie beside an image, a signature or an attestation: everything under `descriptor`, to be copied out of `source`. */
export interface Artifact {
  readonly source: Source;
  /** As lists have it, with artifact type and annotations. */
  readonly descriptor: Descriptor;
  /** The image or index that it is about. */
  readonly subject: Descriptor;
  /** The tag it has; undefined for what names its subject itself. */
  readonly tag?: string;
}

/** Puts artifacts where their subjects are. Throws CopyError, or whatever the sink throws. */
export async function attach(sink: Sink, artifacts: readonly Artifact[], { signal }: Options = {}): Promise<void> {
  for (const { source, descriptor, tag } of artifacts) {
    await copy(source, sink, descriptor, { signal });
    await (tag === undefined ? sink.keep?.(descriptor, { signal }) : sink.tag(descriptor, tag, { signal }));
  }
}
