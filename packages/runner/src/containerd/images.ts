import {
  copy,
  type Descriptor,
  type Digest,
  formatReference,
  type Image,
  isDigest,
  openImage,
  type Options,
  parseReference,
  type Source,
  successors,
  withDefaultTag,
} from "@lading/oci";
import type { EngineImage, EngineImages, ImportOptions, OpenedImage } from "../engine.ts";
import { RunnerError } from "../errors.ts";
import type { ContainerdClient } from "./client.ts";
import { ContentStore } from "./content-store.ts";
import { childLabels } from "./gc-labels.ts";
import { allImages, imageById, imageOf } from "./find-image.ts";
import type { Image as ImageRecord } from "./gen/images.ts";
import { isStatus } from "./grpc.ts";
import { unpackImage } from "./unpack.ts";

export interface ContainerdImagesOptions {
  readonly client: ContainerdClient;
  /** Which snapshotter has the unpacked layers. */
  readonly snapshotter: string;
  /** The names of the containers of an image. */
  readonly users: (id: Digest) => Promise<readonly string[]>;
}

/** The images of one containerd namespace, this machine's of those that are several. */
export class ContainerdImages implements EngineImages {
  readonly #client: ContainerdClient;
  readonly #snapshotter: string;
  readonly #users: (id: Digest) => Promise<readonly string[]>;

  constructor({ client, snapshotter, users }: ContainerdImagesOptions) {
    this.#client = client;
    this.#snapshotter = snapshotter;
    this.#users = users;
  }

  async find(name: string, options: Options = {}): Promise<EngineImage | undefined> {
    const reference = fullReference(name);
    const { images } = await this.#client.images.list({ filters: [] }, options.signal);
    const named = images.find((record) => record.name === reference);
    const image = named === undefined ? undefined : await imageOf(this.#client, named, options);
    if (image !== undefined) return describe(image, namesOf(image, images));
    const prefix = idPrefix(name);
    if (prefix === undefined) return undefined;
    const found = (await this.list(options)).filter(({ id }) => id.startsWith(prefix));
    if (found.length > 1)
      throw new RunnerError("AMBIGUOUS", `Cannot choose an image by "${name}": ${found.length} have an ID like that`);
    return found[0];
  }

  async import(source: Source, root: Descriptor, options: ImportOptions = {}): Promise<EngineImage> {
    const { name, signal } = options;
    return this.#client.leased(
      async (client) => {
        const content = new ContentStore(client);
        await copy(source, content, root, { signal });
        const image = await openImage(content, root, { signal });
        await content.label(root.digest, childLabels(await successors(content, root, { signal })), { signal });
        await unpackImage(client, image, this.#snapshotter, { signal });
        // By its ID as well, as Kubernetes' plugin does it: an image whose name moved on is one still, and no garbage.
        await setImage(client, image.manifest.config.digest, root, { signal });
        if (name !== undefined) await setImage(client, name, root, { signal });
        const { images } = await client.images.list({ filters: [`target.digest==${root.digest}`] }, signal);
        return describe(image, namesOf(image, images));
      },
      { signal },
    );
  }

  async list(options: Options = {}): Promise<readonly EngineImage[]> {
    const byId = Map.groupBy(await allImages(this.#client, options), ({ image }) => image.manifest.config.digest);
    return [...byId.values()].flatMap((same) => {
      const names = same.map(({ name }) => name).filter((name) => !isDigest(name));
      return same[0] === undefined ? [] : [describe(same[0].image, names)];
    });
  }

  async open(id: Digest, options: Options = {}): Promise<OpenedImage> {
    const image = await imageById(this.#client, id, options);
    if (image === undefined) throw new RunnerError("NOT_FOUND", `Cannot find image ${id} in containerd`);
    return { image, [Symbol.asyncDispose]: () => Promise.resolve() };
  }

  async remove(name: string, options: Options & { readonly force?: boolean } = {}): Promise<void> {
    const { force = false, signal } = options;
    const image = await this.find(name, { signal });
    if (image === undefined) throw new RunnerError("NOT_FOUND", `Cannot find image "${name}" in containerd`);
    const all = await allImages(this.#client, { signal });
    const names = all.filter((other) => other.image.manifest.config.digest === image.id).map((other) => other.name);
    const reference = fullReference(name);
    const others = names.filter((each) => each !== reference && !isDigest(each));
    const chosen = reference !== undefined && names.includes(reference) && others.length > 0 ? [reference] : names;
    if (chosen.length === names.length && !force) {
      const users = await this.#users(image.id);
      if (users.length > 0)
        throw new RunnerError("IN_USE", `Cannot remove image "${name}": it is used by ${users.join(", ")}`, {
          hint: "Remove these containers, or use --force",
        });
    }
    for (const each of chosen) await this.#client.images.delete({ name: each, sync: each === chosen.at(-1) }, signal);
  }
}

/** The names of what has the same manifest. */
function namesOf({ descriptor }: Image, records: readonly ImageRecord[]): readonly string[] {
  return records
    .filter(({ name, target }) => target?.digest === descriptor.digest && !isDigest(name))
    .map(({ name }) => name);
}

function describe({ descriptor, manifest, config, layers }: Image, names: readonly string[]): EngineImage {
  return {
    id: manifest.config.digest,
    digest: descriptor.digest,
    names,
    config,
    size: [descriptor, manifest.config, ...layers.map((layer) => layer.descriptor)].reduce(
      (sum, { size }) => sum + size,
      0,
    ),
    created: config.created,
  };
}

async function setImage(
  client: ContainerdClient,
  name: string,
  target: Descriptor,
  { signal }: Options,
): Promise<void> {
  const { mediaType, digest, size } = target;
  const image = { name, labels: {}, target: { mediaType, digest, size, annotations: {} } };
  try {
    await client.images.create({ image }, signal);
  } catch (error) {
    if (!isStatus(error, "ALREADY_EXISTS")) throw error;
    await client.images.update({ image, updateMask: ["target"] }, signal);
  }
}

function fullReference(name: string): string | undefined {
  try {
    return formatReference(withDefaultTag(parseReference(name)));
  } catch {
    return undefined;
  }
}

/** What an image ID begins with, when `name` may be that. */
function idPrefix(name: string): string | undefined {
  const hex = name.startsWith("sha256:") ? name.slice("sha256:".length) : name;
  return /^[0-9a-f]{4,64}$/.test(hex) ? `sha256:${hex}` : undefined;
}
