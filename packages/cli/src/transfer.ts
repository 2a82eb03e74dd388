import { copy, copyReferrers, type Descriptor, type Options, type Sink, type Source } from "@lading/oci";
import { BlobEvents, type BlobEvent, type BlobOutcome } from "./progress/blob-events.ts";

export interface TransferOptions extends Options {
  readonly onEvent?: ((event: BlobEvent) => void) | undefined;
  /** Whether signatures, SBOMs and attestations come along. */
  readonly referrers: boolean;
}

/** Copying to one place, with what is told and counted of it. */
export class Transfer {
  readonly options: Options;
  readonly #events: BlobEvents;
  readonly #withReferrers: boolean;
  #referrers: number | undefined;

  constructor(place: string, { signal, onEvent, referrers }: TransferOptions) {
    this.options = { signal };
    this.#events = new BlobEvents(place, onEvent);
    this.#withReferrers = referrers;
  }

  /** Copies everything under `root`, and what refers to it. */
  async copy(source: Source, sink: Sink, root: Descriptor): Promise<void> {
    const options = {
      ...this.options,
      onProgress: (event: Parameters<BlobEvents["copied"]>[0]): void =>
        this.#events.copied(event, (descriptor) => source.blob(descriptor)),
    };
    await copy(source, sink, root, options);
    if (this.#withReferrers) this.#referrers = (await copyReferrers(source, sink, root, options)).length;
  }

  /** Bytes that were sent or fetched. */
  get bytes(): number {
    return this.#events.bytes;
  }

  /** Whether everything was there before. */
  get unchanged(): boolean {
    return this.#events.counts.copied + this.#events.counts.mounted === 0;
  }

  report(): { readonly blobs: Readonly<Record<BlobOutcome, number>>; readonly referrers?: number } {
    const { counts } = this.#events;
    return { blobs: { ...counts }, ...(this.#referrers === undefined ? {} : { referrers: this.#referrers }) };
  }
}
