import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Descriptor, LayoutStore, type Source } from "@lading/oci";

/** A layout for the time of one transfer; disposing of it removes it. */
export class Spool implements AsyncDisposable {
  readonly store: LayoutStore;

  private constructor(store: LayoutStore) {
    this.store = store;
  }

  /** In a folder of its own below `folder`, by default the system's for temporary files. */
  static async create(folder: string = tmpdir()): Promise<Spool> {
    const made = await mkdtemp(join(folder, ".lading-"));
    try {
      return new Spool(await LayoutStore.create(made));
    } catch (error) {
      await rm(made, { recursive: true, force: true });
      throw error;
    }
  }

  /** Its blobs, which were verified as they came and are not hashed again. */
  get source(): Source {
    return {
      resolve: async (name) => await this.store.resolve(name),
      blob: (descriptor: Descriptor) => this.store.ownBlob(descriptor),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.store.directory, { recursive: true, force: true });
  }
}
