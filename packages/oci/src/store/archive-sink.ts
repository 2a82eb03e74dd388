import { type ArchiveOutput, checkArchiveOutput, type NewMember, writeArchive } from "./archive-file.ts";
import type { Blob, Options, Sink } from "../content.ts";
import type { Descriptor } from "../descriptor.ts";
import { type Digest, digestAlgorithm, digestHex, digestOf } from "../digest.ts";
import { dockerArchiveEntries } from "./docker-entries.ts";
import { OciError } from "../errors.ts";
import { documentLimit, jsonBytes } from "../json.ts";
import { LayoutIndex } from "./layout-index.ts";
import type { Platform } from "../platform.ts";
import { PushedGraph } from "./pushed-graph.ts";
import { verified } from "../verify.ts";

export interface ArchiveSinkOptions {
  /** Which image of an index manifest.json names, for engines that read nothing else; the first when not given or not there. */
  readonly platform?: Platform;
  /** Annotations of index.json. */
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  /**
   * Takes images whose blobs were not pushed, because whoever reads the archive has them. There is
   * no manifest.json then: engines that read it need the whole image.
   */
  readonly partial?: boolean;
}

/** An archive that was written. */
export interface WrittenArchive {
  /** Bytes. */
  readonly size: number;
  /** Of its index.json, which leads to all else by digests: two archives of one digest hold the same. */
  readonly digest: Digest;
}

/**
 * Writes one tar that every engine loads: an OCI layout and, over the same blobs, what `docker save`
 * writes. `push` and `tag` only take note; `finish` reads every blob once, verified, in the order
 * of the graph, so the bytes do not depend on who pushed first. Blobs must stay readable until then.
 * Left without `finish`, nothing was written.
 */
export class OciArchiveSink implements Sink, AsyncDisposable {
  readonly #output: ArchiveOutput;
  readonly #options: ArchiveSinkOptions;
  readonly #pushed = new PushedGraph();
  #index = LayoutIndex.empty();

  private constructor(output: ArchiveOutput, options: ArchiveSinkOptions) {
    this.#output = output;
    this.#options = options;
  }

  /** `output`: a file, replaced when finished, or a stream. Throws OciError NOT_FOUND when its folder is not there. */
  static async create(output: ArchiveOutput, options: ArchiveSinkOptions = {}): Promise<OciArchiveSink> {
    await checkArchiveOutput(output);
    return new OciArchiveSink(output, options);
  }

  async has(descriptor: Descriptor): Promise<boolean> {
    return this.#pushed.has(descriptor);
  }

  async push(blob: Blob): Promise<void> {
    this.#pushed.add(blob);
  }

  async tag(descriptor: Descriptor, name: string): Promise<void> {
    if (!this.#pushed.has(descriptor))
      throw new OciError("NOT_FOUND", `Cannot tag ${descriptor.digest} as "${name}": it is not in the archive`);
    this.#index = this.#index.withName(descriptor, name);
  }

  async keep(descriptor: Descriptor): Promise<void> {
    this.#index = this.#index.withEntry(descriptor);
  }

  /** Lists content in index.json with its annotations, names among them, just as they are. */
  async list(entry: Descriptor): Promise<void> {
    this.#index = this.#index.withListed(entry);
  }

  /** Writes the archive. Without a tag, what no other document names is listed without a name. */
  async finish(options: Options = {}): Promise<WrittenArchive> {
    const { platform, annotations, partial = false } = this.#options;
    const graph = await this.#pushed.walk(this.#index.entries, { ...options, partial });
    const entries =
      this.#index.entries.length > 0 ? this.#index : graph.roots.reduce((at, root) => at.withEntry(root), this.#index);
    const index = annotations === undefined ? entries : entries.withAnnotations(annotations);
    const docker = partial ? [] : dockerArchiveEntries(graph, index.entries, blobPath, platform);
    const bytes = index.bytes();
    if (bytes.byteLength > documentLimit)
      throw new OciError("LIMIT_EXCEEDED", `Cannot write an archive whose index.json has ${bytes.byteLength} bytes`, {
        hint: "Write its images into several",
      });
    const members = [
      bytesMember("oci-layout", new TextEncoder().encode('{"imageLayoutVersion":"1.0.0"}')),
      bytesMember("index.json", bytes),
      ...(docker.length === 0 ? [] : [bytesMember("manifest.json", jsonBytes(docker))]),
      ...graph.blobs.map((blob) => blobMember(blobPath(blob.descriptor), blob)),
    ];
    return { size: await writeArchive(this.#output, members, options), digest: digestOf(bytes) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#pushed.clear();
  }
}

export function bytesMember(path: string, bytes: Uint8Array): NewMember {
  return {
    path,
    size: bytes.byteLength,
    open: async function* read() {
      yield bytes;
    },
  };
}

export function blobMember(path: string, blob: Blob): NewMember {
  const { descriptor } = blob;
  return { path, size: descriptor.size, open: (options) => verified(blob.open(options), descriptor) };
}

function blobPath({ digest }: Descriptor): string {
  return `blobs/${digestAlgorithm(digest)}/${digestHex(digest)}`;
}
