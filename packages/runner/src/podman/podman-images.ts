import { createWriteStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { setTimeout as delay } from "node:timers/promises";
import {
  type Descriptor,
  type Digest,
  digestHex,
  formatReference,
  type Image,
  isDigest,
  type Layer,
  OciArchive,
  openImage,
  type Options,
  parseDigest,
  parseReference,
  type Reference,
  type Source,
  withDefaultTag,
} from "@lading/oci";
import type { EngineImage, EngineImages, ImportOptions, OpenedImage } from "../engine.ts";
import { RunnerError } from "../errors.ts";
import { type ImageAnswer, imageAnswer, imagesAnswer, plainly } from "./answers.ts";
import { imageArchive, type ImageArchiveOptions } from "./image-archive.ts";
import { imageConfig } from "./image-config.ts";
import type { PodmanClient } from "./podman-client.ts";

const listAttempts = 5;

/** The images in podman's own store. */
export class PodmanImages implements EngineImages {
  readonly #client: PodmanClient;

  constructor(client: PodmanClient) {
    this.#client = client;
  }

  async find(name: string, options: Options = {}): Promise<EngineImage | undefined> {
    const found = await this.#find(name, options);
    return found === undefined ? undefined : engineImage(found);
  }

  /** Of its manifest. */
  async annotations(id: Digest, options: Options = {}): Promise<Readonly<Record<string, string>>> {
    return (await this.#inspect(digestHex(id), options))?.Annotations ?? {};
  }

  async import(source: Source, root: Descriptor, options: ImportOptions = {}): Promise<EngineImage> {
    const { name, index, signal } = options;
    const attempt = `Cannot import ${name === undefined ? root.digest : `"${name}"`} into podman`;
    const opened = await openImage(source, root, { signal });
    const id = opened.manifest.config.digest;
    const known = await this.#inspect(digestHex(id), options);
    const reference = name === undefined ? undefined : withDefaultTag(parseReference(name));
    const tag = reference?.tag;
    // podman gives no such name by its "tag", but takes one that an archive has.
    const byDigest = reference === undefined || tag !== undefined ? undefined : named(reference, opened, index);
    const lacks = byDigest !== undefined && !(known?.RepoDigests ?? []).includes(byDigest.name);
    if (known === undefined || lacks) await this.#load(source, opened, attempt, { name, called: byDigest, signal });
    const isNamed = known !== undefined && !lacks && (tag === undefined || (known.RepoTags ?? []).includes(name ?? ""));
    if (isNamed) return engineImage(known);
    if (reference !== undefined && tag !== undefined)
      await this.#client.call("POST", `images/${digestHex(id)}/tag`, {
        query: { repo: `${reference.registry}/${reference.repository}`, tag },
        signal,
        attempt,
      });
    const image = await this.#inspect(digestHex(id), options);
    if (image !== undefined) return engineImage(image);
    throw new RunnerError("ENGINE", `${attempt}: it took the image, and has none with the ID ${id}`);
  }

  async list(options: Options = {}): Promise<readonly EngineImage[]> {
    const images = await Promise.all((await this.#ids(options)).map((id) => this.#inspect(id, options)));
    return images.flatMap((image) => (image === undefined ? [] : [engineImage(image)]));
  }

  async open(id: Digest, options: Options = {}): Promise<OpenedImage> {
    const folder = await mkdtemp(join(tmpdir(), "lading-image-"));
    const close = async (): Promise<void> => await rm(folder, { recursive: true, force: true });
    try {
      const file = join(folder, "image.tar");
      const bytes = await this.#client.download(`images/${digestHex(id)}/get`, {
        query: { format: "oci-archive" },
        signal: options.signal,
        attempt: `Cannot read image ${id} from podman`,
      });
      await pipeline(bytes, createWriteStream(file, { mode: 0o600 }));
      const image = await openImage(await OciArchive.open(file, options), "", options);
      return { image, [Symbol.asyncDispose]: close };
    } catch (error) {
      await close();
      throw error;
    }
  }

  async remove(name: string, { force = false, signal }: Options & { readonly force?: boolean } = {}): Promise<void> {
    const found = await this.#find(name, { signal });
    if (found === undefined)
      throw new RunnerError("NOT_FOUND", `Cannot remove image "${name}": podman has none of that name or ID`);
    const tag = (found.RepoTags ?? []).find((each) => each === fullName(name));
    await this.#client.call("DELETE", `images/${encodeURIComponent(tag ?? found.Id)}`, {
      query: { force },
      signal,
      attempt: `Cannot remove image "${name}"`,
    });
  }

  /** podman itself would also look for other names than the one asked for. Throws RunnerError AMBIGUOUS. */
  async #find(name: string, options: Options): Promise<ImageAnswer | undefined> {
    const full = fullName(name);
    const named = full === undefined ? undefined : await this.#inspect(full, options);
    if (named !== undefined) return named;
    const [, digits = ""] = /^(?:sha256:)?([0-9a-f]{4,64})$/.exec(name) ?? [];
    if (digits === "") return undefined;
    const ids = digits.length === 64 ? [digits] : (await this.#ids(options)).filter((id) => id.startsWith(digits));
    const [id] = ids;
    if (ids.length > 1)
      throw new RunnerError("AMBIGUOUS", `Cannot tell which image "${name}" is: ${ids.length} begin so`, {
        hint: `They are ${ids.map((each) => each.slice(0, 12)).join(", ")}`,
      });
    return id === undefined ? undefined : await this.#inspect(id, options);
  }

  async #ids({ signal }: Options): Promise<readonly string[]> {
    for (let left = listAttempts; ; left--)
      try {
        const body = await this.#client.call("GET", "images/json", { signal, attempt: "Cannot list podman's images" });
        // One that has several names is listed as often.
        return [...new Set((imagesAnswer.parse(body) ?? []).map(({ Id }) => Id))];
      } catch (error) {
        // podman's list fails altogether when somebody removes an image while it is made.
        const isGone = error instanceof RunnerError && /image not known|layer not known/.test(error.message);
        if (!isGone || left === 1) throw error;
      }
  }

  /** podman takes layers that it has without reading them; only when it does not, they are sent as well. */
  async #load(
    source: Source,
    image: Image,
    attempt: string,
    { name, ...options }: Pick<ImportOptions, "name"> & ImageArchiveOptions,
  ): Promise<void> {
    // Mostly an image of the same name came before it; to look at all takes long where there are many.
    const before = name === undefined ? undefined : await this.#inspect(name, options);
    const shared = (before?.RootFS?.Layers ?? []).filter((id) => image.layers.some(({ diffId }) => diffId === id));
    const there = new Set<string>(
      shared.length > 0 ? shared : (await this.list(options)).flatMap(({ config }) => config.rootfs.diff_ids),
    );
    const lacking = image.layers.filter(({ diffId }) => !there.has(diffId));
    const send = async (layers: readonly Layer[]): Promise<void> => {
      await this.#client.upload(
        "images/load",
        () => imageArchive(source, image, layers, options),
        "application/x-tar",
        {
          signal: options.signal,
          attempt,
        },
      );
    };
    if (lacking.length === image.layers.length) return await send(image.layers);
    try {
      await send(lacking);
    } catch (error) {
      if (!(error instanceof RunnerError)) throw error;
      await send(image.layers);
    }
  }

  async #inspect(name: string, { signal }: Options): Promise<ImageAnswer | undefined> {
    const path = `images/${encodeURIComponent(name)}/json`;
    for (let tries = 1; ; tries++)
      try {
        return imageAnswer.parse(
          await this.#client.call("GET", path, { signal, attempt: `Cannot find image "${name}"` }),
          plainly,
        );
      } catch (error) {
        if (!(error instanceof RunnerError)) throw error;
        if (error.code === "NOT_FOUND") return undefined;
        // podman 4.3 stumbles over an image that another call brings or takes away meanwhile.
        if (tries === 5 || !/nil pointer dereference|layer not known|image not known/.test(error.message)) throw error;
        await delay(20 * tries);
      }
  }
}

/** A name by digest, and the index that has it; undefined where it is neither the image's nor the index's. */
function named(
  { registry, repository, digest }: Reference,
  { descriptor }: Image,
  index: Descriptor | undefined,
): { readonly name: string; readonly index?: Descriptor } | undefined {
  if (digest === undefined) return undefined;
  const name = formatReference({ registry, repository, digest });
  if (digest === descriptor.digest) return { name };
  return digest === index?.digest ? { name, index } : undefined;
}

function engineImage(image: ImageAnswer): EngineImage {
  const tags = image.RepoTags ?? [];
  return {
    id: parseDigest(`sha256:${image.Id}`),
    digest: isDigest(image.Digest) ? image.Digest : undefined,
    names: tags.length > 0 ? tags : (image.RepoDigests ?? []),
    config: imageConfig(image),
    size: image.Size,
    created: image.Created ?? undefined,
  };
}

function fullName(name: string): string | undefined {
  try {
    return formatReference(withDefaultTag(parseReference(name)));
  } catch (error) {
    // What looks like an ID is none of a repository.
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
