import type { FileHandle } from "node:fs/promises";
import type { Bytes, Options, TarEntry } from "@lading/oci";
import type { CopyCount } from "./copy-report.ts";
import { errorCode } from "./error-code.ts";
import type { FileStatus, RootedFolder } from "./rooted-folder.ts";

/** An entry of a tree that is copied; the same as one of a tar, but for where its body is in it. */
export type CopyEntry = Pick<TarEntry, "header" | "body">;

export interface WalkOptions extends Options {
  readonly count: CopyCount;
}

/**
 * What is below a name, or a folder itself when it has none; parents before children, in order of
 * their names, a second name of a file as a hard link. Paths are relative, "" is where it begins.
 * What ends meanwhile, and devices, FIFOs and sockets, are left out and told. Goes from one open
 * folder to the next: a folder that becomes a link on the way leads nowhere (CVE-2018-15664).
 */
export async function* walkTree(
  folder: RootedFolder,
  name: string | undefined,
  { count, signal }: WalkOptions,
): AsyncGenerator<CopyEntry> {
  const walk = new TreeWalk(count, signal);
  if (name === undefined) yield* walk.folder(folder, "");
  else yield* walk.entry(folder, name, "");
}

class TreeWalk {
  readonly #count: CopyCount;
  readonly #signal: AbortSignal | undefined;
  /** Paths of files with several names, by identity. */
  readonly #seen = new Map<string, string>();

  constructor(count: CopyCount, signal: AbortSignal | undefined) {
    this.#count = count;
    this.#signal = signal;
  }

  async *folder(folder: RootedFolder, path: string): AsyncGenerator<CopyEntry> {
    yield entry(path, await folder.status(), { type: "directory" });
    for (const name of await folder.names()) yield* this.#child(folder, name, path === "" ? name : `${path}/${name}`);
  }

  /** What is gone by now was not there; but what the walk begins with must be. */
  async *#child(parent: RootedFolder, name: string, path: string): AsyncGenerator<CopyEntry> {
    this.#signal?.throwIfAborted();
    let status: FileStatus;
    try {
      status = await parent.status(name);
    } catch (error) {
      if (errorCode(error) === "ENOENT") return;
      throw error;
    }
    yield* this.entry(parent, name, path, status);
  }

  async *entry(parent: RootedFolder, name: string, path: string, known?: FileStatus): AsyncGenerator<CopyEntry> {
    const status = known ?? (await parent.status(name));
    if (status.type === "directory") {
      await using folder = await this.#unlessChanged(path, () => parent.folder(name));
      if (folder !== undefined) yield* this.folder(folder, path);
    } else if (status.type === "symlink") {
      const linkname = await this.#unlessChanged(path, () => parent.target(name));
      if (linkname !== undefined) yield entry(path, status, { type: "symlink", linkname });
    } else if (status.type === "file") {
      const file = await this.#unlessChanged(path, () => parent.read(name));
      if (file !== undefined) yield* this.#file(path, file.handle, file.status);
    } else this.#count.skip(path, status.type === "fifo" || status.type === "socket" ? `a ${status.type}` : "a device");
  }

  async *#file(path: string, handle: FileHandle, status: FileStatus): AsyncGenerator<CopyEntry> {
    try {
      const first = this.#seen.get(status.identity);
      if (first !== undefined) {
        yield entry(path, status, { type: "hardlink", linkname: first });
        return;
      }
      if (status.links > 1) this.#seen.set(status.identity, path);
      // Files that the kernel makes up have no size before they are read.
      const made = status.size === 0 ? await this.#readMade(path, handle) : undefined;
      const size = made?.byteLength ?? status.size;
      yield {
        ...entry(path, { ...status, size }, { type: "file" }),
        body: () => (made === undefined ? this.#read(path, handle, size) : once(made)),
      };
    } finally {
      await handle.close();
    }
  }

  async #readMade(path: string, handle: FileHandle): Promise<Uint8Array> {
    const bytes = new Uint8Array(mostMade);
    let length = 0;
    try {
      for (let read = -1; read !== 0 && length < mostMade; length += read)
        read = (await handle.read(bytes, length)).bytesRead;
    } catch (error) {
      // Some wait for events, some cannot be read at all.
      this.#count.skip(path, `it cannot be read: ${errorCode(error)}`);
    }
    return bytes.subarray(0, length);
  }

  /** As many bytes as the file had when it was opened. */
  async *#read(path: string, handle: FileHandle, size: number): Bytes & AsyncGenerator<Uint8Array> {
    for (let left = size; left > 0;) {
      this.#signal?.throwIfAborted();
      const { buffer, bytesRead } = await handle.read(new Uint8Array(Math.min(left, chunkSize)), 0);
      if (bytesRead === 0) {
        this.#count.skip(path, `it became shorter while it was read: ${left} bytes are zeros`);
        yield* zeros(left);
        return;
      }
      yield buffer.subarray(0, bytesRead);
      left -= bytesRead;
    }
  }

  /** undefined for what is another thing by now, or gone, or was no file after all. */
  async #unlessChanged<T>(path: string, action: () => Promise<T | undefined>): Promise<T | undefined> {
    try {
      return await action();
    } catch (error) {
      if (!["ENOENT", "ENOTDIR", "ELOOP", "EINVAL"].includes(errorCode(error))) throw error;
      this.#count.skip(path, "it changed while it was read");
      return undefined;
    }
  }
}

const chunkSize = 1 << 18;
const mostMade = 1 << 20;

function* zeros(length: number): Generator<Uint8Array> {
  for (let left = length; left > 0; left -= chunkSize) yield new Uint8Array(Math.min(left, chunkSize));
}

function entry(
  path: string,
  { mode, uid, gid, mtime, size }: FileStatus,
  { type, linkname = "" }: { readonly type: CopyEntry["header"]["type"]; readonly linkname?: string },
): CopyEntry {
  return {
    header: {
      path,
      type,
      mode,
      uid,
      gid,
      uname: "",
      gname: "",
      size: type === "file" ? size : 0,
      mtime,
      linkname,
      devmajor: 0,
      devminor: 0,
      xattrs: new Map(),
    },
    body: empty,
  };
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function* empty(): AsyncGenerator<Uint8Array> {}
