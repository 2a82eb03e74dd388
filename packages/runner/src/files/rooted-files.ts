import { errorCode, systemError } from "./error-code.ts";
import { type FileStatus, RootedFolder } from "./rooted-folder.ts";

// As the kernel's (path_resolution(7)).
const mostLinks = 40;
const longestPath = 4096; // bytes

/** Where a path leads. */
export interface Location extends AsyncDisposable {
  /** What holds the last name of the path. */
  readonly folder: RootedFolder;
  /** undefined when the path is that of the folder itself: it is the root, or ends in `/`, `.` or `..`. */
  readonly name: string | undefined;
  /** From the root, without links: "" or "/usr/bin/tool". */
  readonly path: string;
}

export interface LocateOptions {
  /** Whether the last name is followed when it is a symbolic link. Default: false. */
  readonly follow?: boolean | undefined;
  /** Make the folders that are not there, all but the last name. Default: false. */
  readonly make?: boolean | undefined;
}

/**
 * The files below a folder, as a process sees them whose root it is: symbolic links are followed by
 * ourselves and `..` of the root is the root, so that no path leads out, also while somebody changes
 * folders into links (CVE-2018-15664). Files of others are never opened by their path.
 */
export class RootedFiles implements AsyncDisposable {
  readonly #root: RootedFolder;

  private constructor(root: RootedFolder) {
    this.#root = root;
  }

  /** `root`: a folder of the host, such as /proc/PID/root. */
  static async open(root: string): Promise<RootedFiles> {
    return new RootedFiles(await RootedFolder.open(root));
  }

  /**
   * Finds what a path names, whether it is there or not; all before its last name must be. Fails as
   * the kernel does: ENOENT, ENOTDIR, ELOOP, ENAMETOOLONG.
   */
  async locate(path: string, options: LocateOptions = {}): Promise<Location> {
    if (path.length > longestPath) throw failure("ENAMETOOLONG", path);
    const walk = new Walk(this.#root);
    try {
      return await walk.to(path, options);
    } catch (error) {
      await walk.close();
      throw error;
    }
  }

  /** Of what a path names; undefined when there is nothing. */
  async status(path: string, options: LocateOptions = {}): Promise<FileStatus | undefined> {
    try {
      await using found = await this.locate(path, options);
      return await found.folder.status(found.name);
    } catch (error) {
      if (errorCode(error) === "ENOENT") return undefined;
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#root[Symbol.asyncDispose]();
  }
}

/** One way through the folders; those that it came through stay open, so that `..` is where it came from. */
class Walk {
  readonly #root: RootedFolder;
  readonly #entered: { readonly name: string; readonly folder: RootedFolder }[] = [];
  #links = 0;

  constructor(root: RootedFolder) {
    this.#root = root;
  }

  async to(path: string, { follow = false, make = false }: LocateOptions): Promise<Location> {
    const left = path.split("/").toReversed();
    for (let name = left.pop(); name !== undefined; name = left.pop()) {
      if (name === "" || name === ".") continue;
      if (name === "..") await this.#leave();
      else if (left.length > 0) left.push(...(await this.#enter(name, make)));
      else {
        const target = follow ? await this.#targetIfThere(name) : undefined;
        if (target === undefined) return this.#location(name);
        left.push(...(await this.#follow(target)));
      }
    }
    return this.#location(undefined);
  }

  async close(): Promise<void> {
    while (this.#entered.length > 0) await this.#leave();
  }

  get #here(): RootedFolder {
    return this.#entered.at(-1)?.folder ?? this.#root;
  }

  #location(name: string | undefined): Location {
    const names = [...this.#entered.map((each) => each.name), ...(name === undefined ? [] : [name])];
    return {
      folder: this.#here,
      name,
      path: names.map((each) => `/${each}`).join(""),
      [Symbol.asyncDispose]: () => this.close(),
    };
  }

  /** Into a folder; what is to be walked first when it is a link, the last first. */
  async #enter(name: string, make: boolean): Promise<readonly string[]> {
    try {
      this.#entered.push({ name, folder: await this.#here.folder(name) });
      return [];
    } catch (error) {
      if (make && errorCode(error) === "ENOENT") {
        await this.#here.makeFolder(name, 0o755);
        this.#entered.push({ name, folder: await this.#here.folder(name) });
        return [];
      }
      if (errorCode(error) !== "ENOTDIR" && errorCode(error) !== "ELOOP") throw error;
      const target = await this.#target(name);
      if (target === undefined) throw failure("ENOTDIR", name, error);
      return this.#follow(target);
    }
  }

  async #leave(): Promise<void> {
    await this.#entered.pop()?.folder[Symbol.asyncDispose]();
  }

  /** undefined when it is no link. */
  async #target(name: string): Promise<string | undefined> {
    try {
      return await this.#here.target(name);
    } catch (error) {
      if (errorCode(error) === "EINVAL") return undefined;
      throw error;
    }
  }

  /** The last name of a path may be free. */
  async #targetIfThere(name: string): Promise<string | undefined> {
    try {
      return await this.#target(name);
    } catch (error) {
      if (errorCode(error) === "ENOENT") return undefined;
      throw error;
    }
  }

  async #follow(target: string): Promise<readonly string[]> {
    if (++this.#links > mostLinks) throw failure("ELOOP", target);
    if (target.startsWith("/")) await this.close();
    return target.split("/").toReversed();
  }
}

const texts: Readonly<Record<string, string>> = {
  ELOOP: "too many symbolic links",
  ENAMETOOLONG: "the path is too long",
  ENOTDIR: "not a folder",
};

function failure(code: string, path: string, cause?: unknown): Error {
  return systemError(code, texts[code] ?? "", path.slice(0, 100), cause);
}
