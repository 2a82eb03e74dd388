import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import {
  type Descriptor,
  type Digest,
  formatReference,
  type Image,
  type ImageConfig,
  isDigest,
  openImage,
  type Options,
  parseReference,
  type Source,
  withDefaultTag,
  makeFolder,
} from "@lading/oci";
import type { EngineImage, EngineImages, ImportOptions, OpenedImage } from "../engine.ts";
import { RunnerError } from "../errors.ts";
import type { ContainerStore } from "../state/container-store.ts";
import { readJson } from "../state/json-file.ts";
import { randomDigits } from "../state/random-digits.ts";
import { ownIds } from "../steps/own-ids.ts";
import { hasCode } from "../state/system-error.ts";
import { hexOf, imagesFolder, isHex, treeNames, treesFolder } from "./image-folder.ts";
import type { ImageTrees } from "./image-trees.ts";
import { treeSize } from "./tree-facts.ts";

/** Images for runc: unpacked, by their ID and by name; see `image-folder.ts`. */
export class RuncImages implements EngineImages {
  readonly #store: ContainerStore;
  #opened: ImageTrees | undefined;

  constructor(store: ContainerStore) {
    this.#store = store;
  }

  async find(name: string): Promise<EngineImage | undefined> {
    const hex = this.#hexOf(name);
    return hex === undefined ? undefined : this.#read(hex, this.#names());
  }

  async open(id: Digest): Promise<OpenedImage> {
    throw new RunnerError(
      "UNSUPPORTED",
      `Cannot read the layers of ${id}: of images for runc only the unpacked files are kept`,
    );
  }

  async import(source: Source, root: Descriptor, options: ImportOptions = {}): Promise<EngineImage> {
    const { name } = options;
    const trees = await this.#trees();
    const image = await openImage(source, root, options);
    const known = { ...options, indexes: new Map(options.indexes) };
    try {
      let unpacked: readonly string[];
      do {
        const kept = this.#treesOf(hexOf(image.manifest.config.digest));
        const isHere = kept.length > 0 && kept.every((tree) => trees.has(tree));
        unpacked = isHere ? kept : await trees.ensure(image, known);
        this.#keep(image, unpacked);
        // Who removed the last image with these files may not have seen this one.
      } while (!unpacked.every((tree) => trees.has(tree)));
    } catch (error) {
      await this.#sweep(trees.namesOf(image));
      throw error;
    }
    const hex = hexOf(image.manifest.config.digest);
    if (name !== undefined) this.#tag(hex, name);
    const imported = this.#read(hex, this.#names());
    if (imported === undefined) throw new RunnerError("NOT_FOUND", `Cannot import ${hex}: it was removed meanwhile`);
    return imported;
  }

  async list(): Promise<readonly EngineImage[]> {
    const names = this.#names();
    return this.#all().flatMap((hex) => this.#read(hex, names) ?? []);
  }

  async remove(name: string, { force = false }: Options & { readonly force?: boolean } = {}): Promise<void> {
    const hex = this.#hexOf(name);
    if (hex === undefined) throw new RunnerError("NOT_FOUND", `Cannot remove image "${name}": there is none`);
    const names = this.#names().get(hex) ?? [];
    const named = [name, ...fullNames(name)].find((each) => names.includes(each));
    if (named !== undefined && names.length > 1) return this.#untag(named);
    if (named === undefined && names.length > 1 && !force)
      throw new RunnerError("IN_USE", `Cannot remove image "${name}": it has ${names.length} names`, {
        hint: `Remove them, or use force: ${names.join(", ")}`,
      });
    this.#refuseUsed(hex, name);
    const trees = this.#treesOf(hex);
    // Out of sight first, so that nobody starts with what is half gone.
    const gone = this.#temporary();
    try {
      renameSync(this.#folder(hex), gone);
    } catch (error) {
      if (!hasCode(error, "ENOENT")) throw error;
      throw new RunnerError("NOT_FOUND", `Cannot remove image "${name}": it was removed meanwhile`);
    }
    try {
      // Who made a container of it in between has seen it, or it is seen here.
      this.#refuseUsed(hex, name);
    } catch (error) {
      this.#putBack(gone, hex);
      throw error;
    }
    names.forEach((each) => this.#untag(each));
    await rm(gone, { recursive: true, force: true });
    await this.#sweep(trees);
  }

  /** Its containers stand on an image's files: not even force takes them away. Throws RunnerError IN_USE. */
  #refuseUsed(hex: string, name: string): void {
    const users = this.#store.list().filter(({ engine, image }) => engine === "runc" && hexOf(image.id) === hex);
    if (users.length > 0)
      throw new RunnerError("IN_USE", `Cannot remove image "${name}": ${users.length} containers use it`, {
        hint: `Remove them first: ${users.map((user) => user.name).join(", ")}`,
      });
  }

  #putBack(gone: string, hex: string): void {
    try {
      renameSync(gone, this.#folder(hex));
    } catch (error) {
      // Somebody has imported it again.
      if (!hasCode(error, "ENOTEMPTY", "EEXIST")) throw error;
      rmSync(gone, { recursive: true, force: true });
    }
  }

  /** Throws RunnerError AMBIGUOUS. */
  #hexOf(name: string): string | undefined {
    for (const each of [name, ...fullNames(name)]) {
      const named = readName(this.#nameFile(each));
      if (named !== undefined) return named.hex;
    }
    const hex = name.replace(/^sha(?:256|512):/, "");
    if (!/^[0-9a-f]{4,128}$/.test(hex)) return undefined;
    const found = this.#all().filter((entry) => entry.startsWith(hex));
    if (found.length > 1)
      throw new RunnerError("AMBIGUOUS", `Cannot tell which image "${name}" is: ${found.length} IDs begin so`);
    return found[0];
  }

  #read(hex: string, names: ReadonlyMap<string, readonly string[]>): EngineImage | undefined {
    const record = readJson(join(this.#folder(hex), "image.json"));
    const sizes = this.#treesOf(hex).map((tree) => treeSize(join(treesFolder(this.#store.root), tree)));
    if (!isRecord(record) || sizes.length === 0) return undefined;
    let size = 0;
    for (const each of sizes) {
      if (each === undefined) return undefined;
      size += each;
    }
    const { id, digest, config } = record;
    return { id, digest, names: names.get(hex) ?? [], config, size, created: config.created };
  }

  /** Makes an image's folder, which appears by rename; one that is there stays, unless its files are elsewhere. */
  #keep({ manifest, descriptor, config }: Image, trees: readonly string[]): void {
    this.#makeFolders();
    const { digest: id } = manifest.config;
    const made = this.#temporary();
    const folder = this.#folder(hexOf(id));
    mkdirSync(made, { mode: 0o700 });
    try {
      const record = join(made, "image.json");
      writeFileSync(record, JSON.stringify({ id, digest: descriptor.digest, config, trees }), { mode: 0o600 });
      if (!existsSync(folder)) renameSync(made, folder);
      else if (this.#treesOf(hexOf(id)).join() !== trees.join()) renameSync(record, join(folder, "image.json"));
    } catch (error) {
      if (!hasCode(error, "ENOTEMPTY", "EEXIST")) throw error;
    } finally {
      rmSync(made, { recursive: true, force: true });
    }
  }

  /** The names of the files of an image, the uppermost first. */
  #treesOf(hex: string): readonly string[] {
    return treeNames(this.#store.root, hex) ?? [];
  }

  /** Deletes those of these files that no image has any more, and what was left by who was killed. */
  async #sweep(names: readonly string[]): Promise<void> {
    const trees = await this.#trees();
    const used = (): ReadonlySet<string> => new Set(this.#all().flatMap((hex) => this.#treesOf(hex)));
    const now = used();
    for (const name of new Set([...names, ...trees.abandoned()]))
      if (!now.has(name)) await trees.sweep(name, () => used().has(name));
  }

  /** IDs without their algorithm. */
  #all(): readonly string[] {
    return entries(imagesFolder(this.#store.root)).filter(isHex);
  }

  /** By image. */
  #names(): ReadonlyMap<string, readonly string[]> {
    const names = new Map<string, string[]>();
    for (const file of entries(join(imagesFolder(this.#store.root), "names"))) {
      const named = file.startsWith(".") ? undefined : readName(join(imagesFolder(this.#store.root), "names", file));
      if (named !== undefined) names.set(named.hex, [...(names.get(named.hex) ?? []), named.name]);
    }
    return names;
  }

  #tag(hex: string, name: string): void {
    const made = join(imagesFolder(this.#store.root), "names", `.${randomDigits(12)}`);
    symlinkSync(`${hex} ${name}`, made);
    renameSync(made, this.#nameFile(name));
  }

  #untag(name: string): void {
    rmSync(this.#nameFile(name), { force: true });
  }

  #nameFile(name: string): string {
    const file = encodeURIComponent(name);
    // Longer than a file may be called.
    const short = file.length > 255 ? `sha256-${createHash("sha256").update(name).digest("hex")}` : file;
    return join(imagesFolder(this.#store.root), "names", short);
  }

  /** What unpacks is loaded for who brings an image: a container of one that is here starts sooner without. */
  async #trees(): Promise<ImageTrees> {
    const { ImageTrees } = await import("./image-trees.ts");
    // The attributes that overlays heed here are those of the machine's root.
    this.#opened ??= new ImageTrees(this.#store.root, ownIds().inUserNamespace ? { opaqueAttribute: "" } : {});
    return this.#opened;
  }

  #folder(hex: string): string {
    return join(imagesFolder(this.#store.root), hex);
  }

  #temporary(): string {
    return this.#folder(`.${randomDigits(12)}`);
  }

  #makeFolders(): void {
    makeFolder(this.#folder("names"), 0o700);
  }
}

interface ImageRecord {
  readonly id: Digest;
  readonly digest: Digest;
  readonly config: ImageConfig;
}

// Only Lading writes these files, and a config when it was parsed; what the guard keeps out are those of another version.
function isRecord(value: unknown): value is ImageRecord {
  return (
    isObject(value) &&
    isObject(value["config"]) &&
    isObject(value["config"]["rootfs"]) &&
    typeof value["config"]["os"] === "string" &&
    typeof value["config"]["architecture"] === "string" &&
    [value["id"], value["digest"]].every((digest) => typeof digest === "string" && isDigest(digest))
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

/** What a name is in full, when it is one. */
function fullNames(name: string): readonly string[] {
  try {
    return [formatReference(withDefaultTag(parseReference(name)))];
  } catch {
    return [];
  }
}

function readName(path: string): { readonly hex: string; readonly name: string } | undefined {
  try {
    const text = readlinkSync(path);
    const space = text.indexOf(" ");
    return { hex: text.slice(0, space), name: text.slice(space + 1) };
  } catch (error) {
    if (hasCode(error, "ENOENT", "ENOTDIR", "EINVAL")) return undefined;
    throw error;
  }
}

function entries(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (hasCode(error, "ENOENT")) return [];
    throw error;
  }
}
