import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type Digest, digestHex, makeFolder } from "@lading/oci";
import type { ImageFacts, LayerMemory } from "./image-facts.ts";

// Written anew when what facts are changes.
const version = 5;

/** A file's content. A link is a pair. */
interface KeptFacts extends Omit<ImageFacts, "links"> {
  readonly version: typeof version;
  readonly links: readonly (readonly [string, string])[];
}

/**
 * The facts of images that were met before, by image ID (the digest of the config, which says which
 * layers there are): files in one folder, which appear by rename.
 */
export class FactsStore {
  readonly #folder: string;
  /** For facts that have to be found: images often share layers. */
  readonly memory: LayerMemory = { layers: new Map() };

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Of a state folder. */
  static of(root: string): FactsStore {
    return new FactsStore(join(root, "facts"));
  }

  /** Undefined when they are not known, or were written by another version. */
  async get(id: Digest): Promise<ImageFacts | undefined> {
    let text: string;
    try {
      text = readFileSync(this.#path(id), "utf8");
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
      throw error;
    }
    return parse(text);
  }

  async set(id: Digest, { links, ...facts }: ImageFacts): Promise<void> {
    // Mapped users of containers must be able to pass through the state folder.
    makeFolder(dirname(this.#folder), 0o711);
    makeFolder(this.#folder, 0o700);
    const path = this.#path(id);
    const made = `${path}.${randomBytes(6).toString("hex")}`;
    try {
      await writeFile(made, JSON.stringify({ version, ...facts, links: [...links] }), { mode: 0o600 });
      await rename(made, path);
    } finally {
      await rm(made, { force: true });
    }
  }

  async delete(id: Digest): Promise<void> {
    await rm(this.#path(id), { force: true });
  }

  #path(id: Digest): string {
    return join(this.#folder, `${digestHex(id)}.json`);
  }
}

function parse(text: string): ImageFacts | undefined {
  try {
    const kept: unknown = JSON.parse(text);
    if (!isKept(kept)) return undefined;
    const { version: _version, links, ...facts } = kept;
    return { ...facts, links: new Map(links) };
  } catch {
    return undefined;
  }
}

// It appears whole, in a folder that nobody else can write to: its version says what is in it.
function isKept(value: unknown): value is KeptFacts {
  return typeof value === "object" && value !== null && "version" in value && value.version === version;
}
