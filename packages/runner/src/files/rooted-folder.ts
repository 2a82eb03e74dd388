import type { BigIntStats } from "node:fs";
import { constants } from "node:fs";
import {
  chmod,
  chown,
  type FileHandle,
  lchown,
  link,
  lstat,
  lutimes,
  mkdir,
  open,
  readdir,
  readFile,
  readlink,
  rename,
  symlink,
  unlink,
  utimes,
} from "node:fs/promises";
import { decodeBytestring, encodeBytestring } from "@lading/oci";

// O_PATH, which Node does not name: a handle that only says which file is meant, and touches nothing.
const meant = 0o10_000_000;

type FileType = "file" | "directory" | "symlink" | "fifo" | "socket" | "char" | "block";

/** What stat(2) says. */
export interface FileStatus {
  readonly type: FileType;
  /** Permission and special bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  /** Seconds since 1970, with a fraction. */
  readonly mtime: number;
  /** Names that lead to it. */
  readonly links: number;
  /** Equal for two names of one file. */
  readonly identity: string;
}

/** What a file is given; ids are the host's. */
export interface FileAttributes {
  /** undefined: as it is. */
  readonly owner: { readonly uid: number; readonly gid: number } | undefined;
  readonly mode: number;
  readonly mtime: number;
}

/**
 * A folder that is held open. Everything is done to a name in it: no path is looked up, and no
 * symbolic link is followed, whatever others do to the names meanwhile. Node has no openat(2);
 * /proc/self/fd is the same for one name. Names are bytestrings.
 */
export class RootedFolder implements AsyncDisposable {
  readonly #handle: FileHandle;

  private constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  /** By a path of the host, links followed. */
  static async open(path: string): Promise<RootedFolder> {
    return new RootedFolder(await open(path, meant | constants.O_DIRECTORY));
  }

  /** A folder in it. ENOTDIR for anything else, a symbolic link included. */
  async folder(name: string): Promise<RootedFolder> {
    return new RootedFolder(await open(this.#path(name), meant | constants.O_DIRECTORY | constants.O_NOFOLLOW));
  }

  async names(): Promise<readonly string[]> {
    const names = await readdir(this.#self, { encoding: "buffer" });
    return names.map((name) => decodeBytestring(name)).toSorted();
  }

  /** Of a name in it, or of itself. */
  async status(name?: string): Promise<FileStatus> {
    return statusOf(
      name === undefined ? await this.#handle.stat({ bigint: true }) : await lstat(this.#path(name), { bigint: true }),
    );
  }

  /** Where a symbolic link says that it leads; EINVAL when it is none. */
  async target(name: string): Promise<string> {
    return decodeBytestring(await readlink(this.#path(name), { encoding: "buffer" }));
  }

  /** Opens a file to read. The file whose status is looked at is the one that is read; undefined when it is no file. */
  async read(name: string): Promise<{ readonly handle: FileHandle; readonly status: FileStatus } | undefined> {
    await using file = await open(this.#path(name), meant | constants.O_NOFOLLOW);
    const status = statusOf(await file.stat({ bigint: true }));
    if (status.type !== "file") return undefined;
    return { handle: await open(`/proc/self/fd/${file.fd}`, constants.O_RDONLY | constants.O_NONBLOCK), status };
  }

  /** A new file; EEXIST when the name is taken. */
  async create(name: string): Promise<FileHandle> {
    return open(
      this.#path(name),
      constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
      0o600,
    );
  }

  async makeFolder(name: string, mode: number): Promise<void> {
    await mkdir(this.#path(name), mode);
  }

  async makeLink(name: string, target: string): Promise<void> {
    await symlink(Buffer.from(encodeBytestring(target)), this.#path(name));
  }

  /** Another name for a file in `folder`. */
  async makeHardLink(name: string, folder: RootedFolder, existing: string): Promise<void> {
    await link(folder.#path(existing), this.#path(name));
  }

  /** Takes the place of what is there, unless that is a folder. */
  async rename(from: string, to: string): Promise<void> {
    await rename(this.#path(from), this.#path(to));
  }

  /**
   * Whether something is mounted on a name. The kernel does not mind when it is asked from outside of
   * the mount namespace: to rename over the name would then take the mount away (rename(2), EBUSY).
   */
  async isMountPoint(name: string): Promise<boolean> {
    await using file = await open(this.#path(name), meant | constants.O_NOFOLLOW);
    return (await mountOf(file)) !== (await mountOf(this.#handle));
  }

  async remove(name: string): Promise<void> {
    await unlink(this.#path(name));
  }

  /** Of itself. */
  async setAttributes({ owner, mode, mtime }: FileAttributes): Promise<void> {
    if (owner !== undefined) await chown(this.#self, owner.uid, owner.gid);
    await chmod(this.#self, mode);
    await utimes(this.#self, seconds(mtime), seconds(mtime));
  }

  async setLinkAttributes(name: string, { owner, mtime }: FileAttributes): Promise<void> {
    if (owner !== undefined) await lchown(this.#path(name), owner.uid, owner.gid);
    await lutimes(this.#path(name), seconds(mtime), seconds(mtime));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
  }

  get #self(): string {
    return `/proc/self/fd/${this.#handle.fd}`;
  }

  #path(name: string): string | Buffer {
    if (name === "" || name === "." || name === ".." || /[/\0]/.test(name))
      throw new TypeError(`Cannot use ${JSON.stringify(name)} as the name of a file`);
    const path = `${this.#self}/${name}`;
    return path.isWellFormed() ? path : Buffer.from(encodeBytestring(path));
  }
}

/** Sets what an open file is given, the owner before the mode: chown clears setuid. */
export async function setFileAttributes(file: FileHandle, { owner, mode, mtime }: FileAttributes): Promise<void> {
  if (owner !== undefined) await file.chown(owner.uid, owner.gid);
  await file.chmod(mode);
  await file.utimes(seconds(mtime), seconds(mtime));
}

/** The mount that an open file was found on (proc_pid_fdinfo(5)). */
async function mountOf({ fd }: FileHandle): Promise<string | undefined> {
  return /^mnt_id:\s*(\d+)$/m.exec(await readFile(`/proc/self/fdinfo/${fd}`, "utf8"))?.[1];
}

/** To Node a negative number of seconds means now. */
function seconds(time: number): number | Date {
  return time < 0 ? new Date(time * 1000) : time;
}

function statusOf(stats: BigIntStats): FileStatus {
  return {
    type: typeOf(stats),
    mode: Number(stats.mode) & 0o7777,
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    size: Number(stats.size),
    mtime: Number(stats.mtimeNs / 1000n) / 1e6,
    links: Number(stats.nlink),
    identity: `${stats.dev}:${stats.ino}`,
  };
}

function typeOf(stats: BigIntStats): FileType {
  if (stats.isFile()) return "file";
  if (stats.isDirectory()) return "directory";
  if (stats.isSymbolicLink()) return "symlink";
  if (stats.isFIFO()) return "fifo";
  if (stats.isSocket()) return "socket";
  return stats.isCharacterDevice() ? "char" : "block";
}
