import type { Blob, Options, Sink, Source } from "./content.ts";
import type { Descriptor } from "./descriptor.ts";
import { OciError } from "./errors.ts";
import { contentKey, successors } from "./graph.ts";
import { Limiter } from "./limiter.ts";
import { tapBlob } from "./tap.ts";

/** What happens to one descriptor. A retry opens again: count `bytes` from the last "opened". */
export type CopyEvent =
  | { readonly type: "opened"; readonly descriptor: Descriptor }
  /** `bytes` more were read. */
  | { readonly type: "progress"; readonly descriptor: Descriptor; readonly bytes: number }
  | { readonly type: "copied"; readonly descriptor: Descriptor }
  /** The sink had it already, and with it everything under it. */
  | { readonly type: "skipped"; readonly descriptor: Descriptor };

export interface CopyOptions extends Options {
  /** Transfers at once; 4 when not given. */
  readonly concurrency?: number;
  readonly onProgress?: (event: CopyEvent) => void;
  /** Which children of a descriptor come along; all when not given. What is left out, an index names in vain. */
  readonly select?: (child: Descriptor, parent: Descriptor) => boolean;
}

/** A transfer failed: where, and at which content. The cause is the source's or the sink's own error. */
export class CopyError extends OciError {
  override readonly name = "CopyError";
  readonly side: "source" | "sink";
  readonly descriptor: Descriptor;

  constructor(side: "source" | "sink", descriptor: Descriptor, cause: unknown) {
    const verb = side === "source" ? "read" : "write";
    const detail = cause instanceof Error ? cause.message : String(cause);
    const hint = cause instanceof Error && "hint" in cause && typeof cause.hint === "string" ? cause.hint : undefined;
    const attempt = `Cannot ${verb} ${descriptor.digest}`;
    // What names the content already, and more exactly, is not told twice.
    const told = side === "source" && detail.startsWith("Cannot ") && detail.includes(descriptor.digest);
    super("COPY_FAILED", told ? detail : `${attempt}: ${detail}`, {
      cause,
      ...(hint === undefined ? {} : { hint }),
    });
    this.side = side;
    this.descriptor = descriptor;
  }
}

// Deeper than any image: an index of indexes of images is 4.
const maxDepth = 16;

/**
 * Copies the graph rooted at `root`, children before parents and all content once. Nothing is
 * named: `sink.tag` comes after, so nobody sees a name before its content. The first failure stops
 * the other transfers and is thrown as CopyError when they have stopped; an abort is thrown as the
 * signal's reason.
 */
export async function copy(source: Source, sink: Sink, root: Descriptor, options: CopyOptions = {}): Promise<void> {
  const { concurrency = 4, onProgress, select = () => true } = options;
  const limiter = new Limiter(concurrency);
  const stop = new AbortController();
  const signal = options.signal === undefined ? stop.signal : AbortSignal.any([options.signal, stop.signal]);
  const started = new Map<string, Promise<void>>();
  let first: { readonly error: unknown } | undefined;

  const once = (descriptor: Descriptor, depth: number): Promise<void> => {
    const key = contentKey(descriptor);
    const known = started.get(key);
    if (known !== undefined) return known;
    const promise = transfer(descriptor, depth).catch((error: unknown) => {
      first ??= { error };
      stop.abort(error);
      throw error;
    });
    started.set(key, promise);
    return promise;
  };

  const transfer = async (descriptor: Descriptor, depth: number): Promise<void> => {
    if (depth > maxDepth)
      throw new CopyError(
        "source",
        descriptor,
        new OciError("LIMIT_EXCEEDED", `More than ${maxDepth} levels of indexes`),
      );
    if (await slot(limiter, signal, () => from("sink", descriptor, () => sink.has(descriptor, { signal })))) {
      onProgress?.({ type: "skipped", descriptor });
      return;
    }
    const children = await slot(limiter, signal, () =>
      from("source", descriptor, () => successors(source, descriptor, { signal })),
    );
    // A slot is never held while waiting for children: they need it.
    const copies = children.filter((child) => select(child, descriptor)).map((child) => once(child, depth + 1));
    const results = await Promise.allSettled(copies);
    const failed = results.find((result) => result.status === "rejected");
    if (failed !== undefined) throw failed.reason;
    await slot(limiter, signal, () => push(source.blob(descriptor), sink, signal, onProgress));
  };

  try {
    await once(root, 0);
  } catch (error) {
    options.signal?.throwIfAborted();
    throw first === undefined ? error : first.error;
  }
}

async function push(blob: Blob, sink: Sink, signal: AbortSignal, onProgress: CopyOptions["onProgress"]): Promise<void> {
  const { descriptor, origin } = blob;
  let readFailure: { readonly error: unknown } | undefined;
  const tapped = tapBlob(
    {
      descriptor,
      ...(origin === undefined ? {} : { origin }),
      open: (options) => blob.open({ signal, ...options }),
    },
    {
      onOpen: () => {
        readFailure = undefined;
        onProgress?.({ type: "opened", descriptor });
      },
      onBytes: (bytes) => onProgress?.({ type: "progress", descriptor, bytes }),
      onError: (error) => {
        readFailure = { error };
        return error;
      },
    },
  );
  for (let again = true; ; again = false) {
    try {
      await sink.push(tapped, { signal });
      break;
    } catch (error) {
      signal.throwIfAborted();
      if (readFailure === undefined) throw new CopyError("sink", descriptor, error);
      if (again && isTransient(readFailure.error)) continue;
      throw new CopyError("source", descriptor, readFailure.error);
    }
  }
  onProgress?.({ type: "copied", descriptor });
}

/** Whether another attempt may end better (`Blob.open`): what came wrong over a network may come right the second time, a file stays what it is. */
export function isTransient(error: unknown): boolean {
  return error instanceof Error && "transient" in error && error.transient === true;
}

async function slot<T>(limiter: Limiter, signal: AbortSignal, task: () => Promise<T>): Promise<T> {
  return limiter.run(async () => {
    signal.throwIfAborted();
    return task();
  });
}

async function from<T>(side: "source" | "sink", descriptor: Descriptor, task: () => Promise<T>): Promise<T> {
  try {
    return await task();
  } catch (error) {
    throw new CopyError(side, descriptor, error);
  }
}
