import { type ArchiveOutput, checkArchiveOutput, type NewMember, writeArchive } from "./archive-file.ts";
import type { Blob, Options, Sink } from "../content.ts";
import type { Descriptor } from "../descriptor.ts";
import { digestAlgorithm, digestHex } from "../digest.ts";
import { dockerArchiveEntries } from "./docker-entries.ts";
import { OciError } from "../errors.ts";
import { jsonBytes } from "../json.ts";
import { LayoutIndex } from "./layout-index.ts";
import type { Platform } from "../platform.ts";
import { PushedGraph } from "./pushed-graph.ts";
import { verified } from "../verify.ts";

export interface ArchiveSinkOptions {
  /** Which image of an index manifest.json names, for engines that read nothing else; the first when not given or not there. */
  readonly platform?: Platform;
}

/**
 * Writes one tar that every engine loads: an OCI layout and, over the same blobs, what `docker save`
 * writes. `push` and `tag` only take note; `finish` reads every blob once, verified, in the order
 * of the graph, so the bytes do not depend on who pushed first. Blobs must stay readable until then.
 * Left without `finish`, nothing was written.
 */
export class OciArchiveSink implements Sink, AsyncDisposable {
  readonly #output: ArchiveOutput;
  readonly #platform: Platform | undefined;
  readonly #pushed = new PushedGraph();
  #index = LayoutIndex.empty();

  private constructor(output: ArchiveOutput, platform: Platform | undefined) {
    this.#output = output;
    this.#platform = platform;
  }

  /** `output`: a file, replaced when finished, or a stream. Throws OciError NOT_FOUND when its folder is not there. */
  static async create(output: ArchiveOutput, options: ArchiveSinkOptions = {}): Promise<OciArchiveSink> {
    await checkArchiveOutput(output);
    return new OciArchiveSink(output, options.platform);
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

  /** Writes the archive. Without a tag, what no other document names is listed without a name. */
  async finish(options: Options = {}): Promise<{ readonly size: number }> {
    const graph = await this.#pushed.walk(this.#index.entries, options);
    const index =
      this.#index.entries.length > 0 ? this.#index : graph.roots.reduce((at, root) => at.withEntry(root), this.#index);
    const docker = dockerArchiveEntries(graph, index.entries, blobPath, this.#platform);
    const members = [
      bytesMember("oci-layout", new TextEncoder().encode('{"imageLayoutVersion":"1.0.0"}')),
      bytesMember("index.json", index.bytes()),
      ...(docker.length === 0 ? [] : [bytesMember("manifest.json", jsonBytes(docker))]),
      ...graph.blobs.map((blob) => blobMember(blobPath(blob.descriptor), blob)),
    ];
    return { size: await writeArchive(this.#output, members, options) };
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
