import { randomBytes } from "node:crypto";
import type { Bytes, Options, TarHeader } from "@lading/oci";
import { OciError } from "@lading/oci";
import type { CopyCount } from "./copy-report.ts";
import { errorCode, systemError } from "./error-code.ts";
import { type FileAttributes, type RootedFolder, setFileAttributes } from "./rooted-folder.ts";
import type { Location, RootedFiles } from "./rooted-files.ts";
import type { CopyEntry } from "./walk-tree.ts";

export interface TreeWriterOptions extends Options {
  readonly count: CopyCount;
  /** The host's numbers for an entry's owner; undefined: whoever makes the file. */
  readonly owner: (header: TarHeader) => FileAttributes["owner"];
  /** Whether setuid and setgid stay. */
  readonly special: boolean;
}

/**
 * Writes entries below a folder. What is there is replaced, folders are filled as they are, and a
 * folder and another thing never take each other's place. Nothing leads out of `files`, and nothing
 * that this writer makes leads anything else out of the folder: links come last (`finish`).
 */
export class TreeWriter implements AsyncDisposable {
  readonly #files: RootedFiles;
  readonly #base: string;
  readonly #options: TreeWriterOptions;
  /** Links by path, until the last of everything else is written. */
  readonly #links = new Map<string, TarHeader>();
  /** New folders, by path: they are closed up last, since that keeps us out and filling them changes their time. */
  readonly #folders = new Map<string, { readonly header: TarHeader; readonly identity: string }>();
  #parent: (Location & { readonly at: string }) | undefined;

  /** `base`: what the paths of entries follow, from the root of `files`: "" or "/folder" or "/folder/name". */
  constructor(files: RootedFiles, base: string, options: TreeWriterOptions) {
    this.#files = files;
    this.#base = base;
    this.#options = options;
  }

  /** Throws OciError INVALID_ARCHIVE for paths that lead out, and what the system says of a folder in the way. */
  async write({ header, body }: CopyEntry): Promise<void> {
    this.#options.signal?.throwIfAborted();
    const path = this.#pathOf(header.path, header);
    this.#links.delete(path);
    if (header.type === "directory") await this.#writeFolder(path, header);
    else if (path === this.#base && this.#base === "") throw leadsOut(header);
    else if (header.type === "file") await this.#writeFile(path, header, body());
    else if (header.type === "symlink") this.#links.set(path, header);
    else if (header.type === "hardlink") await this.#writeHardLink(path, header);
    else this.#options.count.skip(header.path, header.type === "fifo" ? "a fifo" : "a device");
    if (header.xattrs.size > 0)
      this.#options.count.skip(header.path, `extended attributes ${[...header.xattrs.keys()].join(", ")}`);
  }

  /** Makes the links and closes the folders up. */
  async finish(): Promise<void> {
    for (const [path, header] of this.#links) await this.#writeLink(path, header);
    for (const [path, { header, identity }] of [...this.#folders].toReversed()) {
      if (!(await this.#closeUp(path, header, identity))) this.#options.count.skip(header.path, "it changed meanwhile");
    }
  }

  /** Whether the folder is still the one that was made. */
  async #closeUp(path: string, header: TarHeader, identity: string): Promise<boolean> {
    try {
      await using found = await this.#files.locate(`${path}/`);
      const same = (await found.folder.status()).identity === identity;
      if (same) await found.folder.setAttributes(this.#attributes(header));
      return same;
    } catch (error) {
      if (errorCode(error) === "ENOENT" || errorCode(error) === "ENOTDIR") return false;
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parent?.[Symbol.asyncDispose]();
  }

  /** From the root of `files`; names of archives are begun at the base whatever they begin with. */
  #pathOf(name: string, header: TarHeader): string {
    const names = name.split("/").filter((each) => each !== "" && each !== ".");
    if (names.includes("..")) throw leadsOut(header);
    return [this.#base, ...names].join("/");
  }

  async #writeFolder(path: string, header: TarHeader): Promise<void> {
    const { count } = this.#options;
    if (path === "") return;
    const { folder, name } = await this.#place(path);
    try {
      await folder.makeFolder(name, 0o700);
      count.folders++;
      await using made = await folder.folder(name);
      this.#folders.set(path, { header, identity: (await made.status()).identity });
    } catch (error) {
      if (errorCode(error) !== "EEXIST") throw error;
      // ENOTDIR when it is none.
      await using _there = await folder.folder(name);
    }
  }

  async #writeFile(path: string, header: TarHeader, body: Bytes): Promise<void> {
    const { count } = this.#options;
    const { folder, name } = await this.#place(path);
    await replace(folder, name, async (free) => {
      await using file = await folder.create(free);
      try {
        for await (const chunk of body) {
          this.#options.signal?.throwIfAborted();
          for (let at = 0; at < chunk.byteLength;) at += (await file.write(chunk, at)).bytesWritten;
        }
        await setFileAttributes(file, this.#attributes(header));
      } catch (error) {
        await folder.remove(free);
        throw error;
      }
    });
    count.files++;
    count.bytes += header.size;
  }

  async #writeHardLink(path: string, header: TarHeader): Promise<void> {
    const target = this.#pathOf(header.linkname, header);
    const link = this.#links.get(target);
    // A second name of a link that is not made yet is another link.
    if (link !== undefined) {
      this.#links.set(path, link);
      return;
    }
    if (target === path) return;
    await using existing = await this.#files.locate(target);
    const { name: existingName } = existing;
    if (existingName === undefined) throw leadsOut(header);
    const { folder, name } = await this.#place(path);
    await replace(folder, name, (free) => folder.makeHardLink(free, existing.folder, existingName));
    this.#options.count.links++;
  }

  async #writeLink(path: string, header: TarHeader): Promise<void> {
    const { folder, name } = await this.#place(path);
    await replace(folder, name, async (free) => {
      await folder.makeLink(free, header.linkname);
      await folder.setLinkAttributes(free, this.#attributes(header));
    });
    this.#options.count.links++;
  }

  /** The folder that holds a path, and its name there. Entries of one folder come together: it stays open until another is asked for. */
  async #place(path: string): Promise<{ readonly folder: RootedFolder; readonly name: string }> {
    const cut = path.lastIndexOf("/");
    const at = path.slice(0, cut);
    if (this.#parent?.at !== at) {
      await this.#parent?.[Symbol.asyncDispose]();
      this.#parent = undefined;
      const location = await this.#files.locate(`${at}/`, { make: true });
      this.#parent = Object.assign(location, { at });
    }
    return { folder: this.#parent.folder, name: path.slice(cut + 1) };
  }

  #attributes(header: TarHeader): FileAttributes {
    const { owner, special } = this.#options;
    return { owner: owner(header), mode: header.mode & (special ? 0o7777 : 0o1777), mtime: header.mtime };
  }
}

/**
 * Makes something at a free name, which then takes the place of what has its name. EISDIR when that is
 * a folder, EBUSY when something is mounted on it.
 */
async function replace(folder: RootedFolder, name: string, make: (free: string) => Promise<void>): Promise<void> {
  try {
    await make(name);
  } catch (error) {
    if (errorCode(error) !== "EEXIST") throw error;
    if (await folder.isMountPoint(name)) throw systemError("EBUSY", "something is mounted on it", name);
    const free = `.lading-${randomBytes(8).toString("hex")}`;
    await make(free);
    try {
      await folder.rename(free, name);
    } finally {
      // Still there when that failed, and when both are names of one file: then rename(2) does nothing.
      await folder.remove(free).catch(() => undefined);
    }
  }
}

function leadsOut({ path }: TarHeader): OciError {
  return new OciError("INVALID_ARCHIVE", `Cannot copy ${JSON.stringify(path)}: it leads out of where it is copied to`);
}
