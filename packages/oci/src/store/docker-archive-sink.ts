import { type ArchiveOutput, checkArchiveOutput, writeArchive } from "./archive-file.ts";
import { blobMember, bytesMember } from "./archive-sink.ts";
import type { Blob, Options, Sink } from "../content.ts";
import type { Descriptor } from "../descriptor.ts";
import { digestHex } from "../digest.ts";
import { dockerArchiveEntries, imagesOf } from "./docker-entries.ts";
import { OciError } from "../errors.ts";
import { jsonBytes } from "../json.ts";
import { LayoutIndex } from "./layout-index.ts";
import { formatPlatform } from "../platform.ts";
import { PushedGraph } from "./pushed-graph.ts";

/**
 * Writes what `docker save` writes: manifest.json, configs, layers (compressed as they are, which
 * Docker and podman load). One platform an image. As `OciArchiveSink`, it works in `finish`.
 */
export class DockerArchiveSink implements Sink, AsyncDisposable {
  readonly #output: ArchiveOutput;
  readonly #pushed = new PushedGraph();
  #index = LayoutIndex.empty();

  private constructor(output: ArchiveOutput) {
    this.#output = output;
  }

  /** See `OciArchiveSink.create`. */
  static async create(output: ArchiveOutput): Promise<DockerArchiveSink> {
    await checkArchiveOutput(output);
    return new DockerArchiveSink(output);
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

  /** Throws OciError UNSUPPORTED for an index of several platforms, NOT_FOUND without an image. */
  async finish(options: Options = {}): Promise<{ readonly size: number }> {
    const graph = await this.#pushed.walk(this.#index.entries, options);
    const named = this.#index.entries.length > 0 ? this.#index.entries : graph.roots;
    for (const root of named) {
      const platforms = imagesOf(graph, root).map(({ config }) => formatPlatform(config));
      if (platforms.length > 1)
        throw new OciError(
          "UNSUPPORTED",
          `Cannot write a docker-archive of ${platforms.length} platforms: ${platforms.join(", ")}`,
          {
            hint: "Write an oci-archive, which Docker loads as well, or choose one platform",
          },
        );
    }
    const entries = dockerArchiveEntries(graph, named, (blob) => digestHex(blob.digest));
    const suffixes = new Map([
      ...entries.flatMap(({ Layers }) => Layers.map((layer) => [layer, ".tar"] as const)),
      ...entries.map(({ Config }) => [Config, ".json"] as const),
    ]);
    if (entries.length === 0) throw new OciError("NOT_FOUND", "Cannot write a docker-archive: no image was pushed");
    const path = (name: string): string => `${name}${suffixes.get(name) ?? ""}`;
    const manifest = entries.map(({ Config, RepoTags, Layers }) => ({
      Config: path(Config),
      RepoTags,
      Layers: Layers.map(path),
    }));
    const members = [
      bytesMember("manifest.json", jsonBytes(manifest)),
      ...graph.blobs
        .map((blob) => ({ blob, name: digestHex(blob.descriptor.digest) }))
        .filter(({ name }) => suffixes.has(name))
        .map(({ blob, name }) => blobMember(path(name), blob)),
    ];
    return { size: await writeArchive(this.#output, members, options) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#pushed.clear();
  }
}
