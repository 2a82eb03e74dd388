import { lstatSync, readdirSync, readlinkSync, realpathSync, type Stats } from "node:fs";
import { dirname, isAbsolute, relative, resolve } from "node:path";
import { decodeBytestring, encodeBytestring } from "@lading/oci";
import { BuildError } from "../errors.ts";
import { nearest } from "../nearest.ts";

/*
 * The folder that sources come from, and its border. Paths inside are relative, with "/", "" for the
 * context itself; they are bytestrings, so `diskPath` stands between them and node:fs.
 */

/** A source that was named, found on disk. */
export interface Located {
  /** Relative to the context; where a symlink was followed, the place it leads to. */
  readonly path: string;
  readonly stat: Stats;
}

/** The context folder with symlinks resolved. Throws BuildError SOURCE_MISSING when it is no folder. */
export class Context {
  /** As the user knows it, for messages. */
  readonly name: string;
  /** Absolute, no symlinks. */
  readonly root: string;
  /** The device it lies on. */
  readonly device: number;

  constructor(path: string) {
    this.name = path;
    try {
      this.root = realpathSync(path);
      const stat = lstatSync(this.root);
      this.device = stat.dev;
      if (stat.isDirectory()) return;
    } catch (cause) {
      throw new BuildError("SOURCE_MISSING", `Cannot open the context ${path}`, { cause });
    }
    throw new BuildError("SOURCE_MISSING", `Cannot use ${path} as context: not a folder`);
  }

  /**
   * A path of the description, relative to the context. Throws BuildError SOURCE_OUTSIDE when it is not below: by
   * "..", or absolute and elsewhere.
   */
  clean(source: string): string {
    const path = relative(resolve(this.name), resolve(this.name, source));
    if (path === ".." || path.startsWith("../") || isAbsolute(path))
      throw new BuildError("SOURCE_OUTSIDE", `Cannot add "${source}": outside the context ${this.name}`, {
        hint: "Make a folder above it the context, or copy it in",
      });
    return path;
  }

  /**
   * Finds what the description names. Symlinked folders on the way are followed inside the context only (SOURCE_OUTSIDE
   * otherwise). When the last component is a symlink it is followed inside the context; one that leads out,
   * nowhere or round in circles is returned as the symlink it is. Undefined when there is nothing.
   */
  locate(path: string, source: string): Located | undefined {
    let parent: string;
    try {
      parent = path === "" ? this.root : realpathSync(this.disk(dirname(path)));
    } catch (cause) {
      if (hasCode(cause, "ENOENT", "ENOTDIR")) return undefined;
      throw unreadable(source, cause);
    }
    const inside = this.inside(parent);
    if (inside === undefined) throw this.leadsOut(source);
    const here = path === "" ? "" : join(inside, path.slice(path.lastIndexOf("/") + 1));
    const stat = statOf(this.disk(here), source);
    if (stat?.isSymbolicLink() !== true) return stat === undefined ? undefined : { path: here, stat };

    const link = { path: here, stat };
    try {
      const target = this.inside(realpathSync(this.disk(here)));
      const targetStat = target === undefined ? undefined : statOf(this.disk(target), source);
      return target === undefined || targetStat === undefined ? link : { path: target, stat: targetStat };
    } catch (cause) {
      if (hasCode(cause, "ENOENT", "ENOTDIR", "ELOOP")) return link;
      throw unreadable(source, cause);
    }
  }

  /** Absolute path of something in the context, for node:fs. */
  disk(path: string): string {
    return path === "" || path === "." ? this.root : join(this.root, path);
  }

  /** The path inside the context of an absolute one without symlinks; undefined when it is elsewhere. */
  inside(absolute: string): string | undefined {
    if (absolute === this.root) return "";
    const prefix = this.root.endsWith("/") ? this.root : `${this.root}/`;
    return absolute.startsWith(prefix) ? absolute.slice(prefix.length) : undefined;
  }

  /** SOURCE_OUTSIDE, for a symlink on the way. */
  leadsOut(source: string): BuildError {
    return new BuildError(
      "SOURCE_OUTSIDE",
      `Cannot add "${source}": a symlink on its way does not lead to something in the context ${this.name}`,
    );
  }

  /** SOURCE_MISSING, with the name nearest to the component that is missing. */
  missing(source: string, path: string): BuildError {
    const parts = path.split("/");
    for (let depth = 0; depth < parts.length; depth++) {
      const folder = parts.slice(0, depth).join("/");
      let names: string[];
      try {
        names = readdirSync(this.disk(folder));
      } catch {
        break;
      }
      const wanted = parts[depth] ?? "";
      if (names.includes(wanted)) continue;
      const near = nearest(wanted, names.toSorted());
      if (near === undefined) break;
      const whole = [...parts.slice(0, depth), near, ...parts.slice(depth + 1)].join("/");
      return new BuildError("SOURCE_MISSING", `Cannot add "${source}": there is no such file in ${this.name}`, {
        hint: `Did you mean "${whole}"?`,
      });
    }
    return new BuildError("SOURCE_MISSING", `Cannot add "${source}": there is no such file in ${this.name}`);
  }
}

/** A bytestring as node:fs wants it. */
export function diskPath(path: string): string | Buffer {
  return path.isWellFormed() ? path : Buffer.from(encodeBytestring(path));
}

/** Names in a folder, as bytestrings, in no order. */
export function readFolder(path: string): string[] {
  const disk = diskPath(path);
  const names = readdirSync(disk);
  // Node writes U+FFFD for what is not UTF-8; it may also be a name's own.
  if (!names.some((name) => name.includes("\uFFFD"))) return names;
  return readdirSync(disk, { encoding: "buffer" }).map(decodeBytestring);
}

/** What a symlink says, as a bytestring. */
export function readLink(path: string): string {
  const disk = diskPath(path);
  const text = readlinkSync(disk);
  return text.includes("\uFFFD") ? decodeBytestring(readlinkSync(disk, { encoding: "buffer" })) : text;
}

/** SOURCE_CHANGED for what vanished while it was listed, SOURCE_UNREADABLE for the rest. */
export function unreadable(source: string, cause: unknown): BuildError {
  if (cause instanceof BuildError) return cause;
  if (hasCode(cause, "ENOENT", "ENOTDIR"))
    return new BuildError("SOURCE_CHANGED", `Cannot read "${source}": it vanished while the build looked at it`, {
      cause,
      hint: "Build again when nothing writes to the context",
    });
  const why = hasCode(cause, "EACCES", "EPERM")
    ? "permission denied"
    : hasCode(cause, "ENAMETOOLONG")
      ? "its path is too long"
      : hasCode(cause, "ELOOP")
        ? "symlinks lead round in circles"
        : cause instanceof Error
          ? cause.message
          : String(cause);
  return new BuildError("SOURCE_UNREADABLE", `Cannot read "${source}": ${why}`, {
    cause,
    hint: "Make it readable, or exclude it",
  });
}

function statOf(path: string, source: string): Stats | undefined {
  try {
    return lstatSync(diskPath(path), { throwIfNoEntry: false });
  } catch (cause) {
    if (hasCode(cause, "ENOTDIR")) return undefined;
    throw unreadable(source, cause);
  }
}

export function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && "code" in error && typeof error.code === "string" && codes.includes(error.code);
}

export function join(folder: string, name: string): string {
  return folder === "" ? name : folder.endsWith("/") ? folder + name : `${folder}/${name}`;
}
