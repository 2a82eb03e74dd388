import { spawn } from "node:child_process";
import { once } from "node:events";
import { createReadStream } from "node:fs";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import {
  encodeBytestring,
  encodeTarHeader,
  type FileOwner,
  type Options,
  type TarHeader,
  tarTrailerSize,
  type Tree,
  type TreeNode,
} from "@lading/oci";
import { RunnerError } from "../errors.ts";

/** A file that Node can make only in part, or not at all. */
export interface SpecialFile {
  /** All its paths, below the root of the image. */
  readonly names: readonly string[];
  readonly header: Omit<TarHeader, "path" | "xattrs">;
  readonly xattrs: ReadonlyMap<string, Uint8Array>;
}

/** How files are unpacked by who cannot make them all as an image has them. */
export interface UnpackOptions extends Options {
  /** Whose they are. Default: whose the image says. */
  readonly owners?: ((owner: FileOwner) => FileOwner) | undefined;
  /** Whether devices are made, which nobody can in a user namespace. Default: true. */
  readonly devices?: boolean | undefined;
  /**
   * Which attribute says to overlays that nothing of a folder is below; "" where they heed none that this process may
   * set: a layer that empties a folder is merged then. Default: `trusted.overlay.opaque`.
   */
  readonly opaqueAttribute?: string | undefined;
}

/** Devices, FIFOs, and what has extended attributes. */
export function specialFiles(tree: Tree, { owners, devices = true }: UnpackOptions = {}): readonly SpecialFile[] {
  const files = new Map<TreeNode["inode"], { names: string[] } & SpecialFile>();
  for (const { path, inode, header } of [tree.root, ...tree]) {
    const known = files.get(inode);
    known?.names.push(path);
    const xattrs = new Map([...header.xattrs].filter(([name]) => isKept(name)));
    const isSpecial = isDevice(header) || header.type === "fifo" || xattrs.size > 0;
    if (known !== undefined || !isSpecial || !isMade(header, { devices })) continue;
    files.set(inode, { names: [path], header: { ...header, ...owners?.(header) }, xattrs });
  }
  return [...files.values()];
}

/** Whether something is there to see afterwards: the device 0:0 says to overlays that there is nothing. */
export function isMade(header: TarHeader, { devices = true }: UnpackOptions): boolean {
  if (!isDevice(header)) return true;
  return devices && !(header.type === "char" && header.devmajor === 0 && header.devminor === 0);
}

function isDevice({ type }: TarHeader): boolean {
  return type === "char" || type === "block";
}

/**
 * File capabilities, what programs keep, and access lists. Not `trusted.overlay.…`: the kernel would
 * take orders from them; nor labels of security modules, which are the host's business.
 */
function isKept(name: string): boolean {
  return (
    name === capabilityAttribute ||
    name.startsWith("system.posix_acl_") ||
    (name.startsWith("user.") && !name.startsWith("user.overlay."))
  );
}

export const capabilityAttribute = "security.capability";

/**
 * Makes special files in `folder`, in place of what is at their names; the content of regular ones is
 * read in `contents`. GNU tar does it: mknod(2), mkfifo(3) and setxattr(2) are not in Node. Throws
 * RunnerError ENGINE when it cannot.
 */
export async function makeSpecialFiles(
  folder: string,
  files: readonly SpecialFile[],
  { contents = folder, signal }: Options & { readonly contents?: string } = {},
): Promise<void> {
  if (files.length === 0) return;
  const owners = ["--numeric-owner", "--same-owner", "--same-permissions", "--delay-directory-restore"];
  const tar = spawn("tar", ["--extract", ...owners, "--xattrs", "--xattrs-include=*", "--directory", folder], {
    stdio: ["pipe", "ignore", "pipe"],
    env: { ...process.env, LC_ALL: "C" },
    signal,
  });
  const closed = once(tar, "close");
  const said = buffer(tar.stderr);
  const [written, end] = await Promise.allSettled([
    pipeline(Readable.from(entries(files, contents)), tar.stdin),
    closed,
  ]);
  if (end.status === "rejected" || tar.exitCode !== 0)
    throw new RunnerError(
      "ENGINE",
      `Cannot unpack devices and attributes with tar: ${(await said).toString().trim()}`,
      {
        ...(end.status === "rejected" ? { cause: end.reason } : {}),
        hint: "It takes GNU tar, on PATH",
      },
    );
  if (written.status === "rejected") throw written.reason;
  const missing = (await said).toString().match(cannotSet)?.[0];
  if (missing !== undefined)
    throw new RunnerError("ENGINE", `Cannot unpack attributes in ${folder}: ${missing}`, {
      hint: "The folder must be on a file system that keeps extended attributes, such as ext4, xfs or btrfs",
    });
}

/** What files are not the same without. GNU tar only warns of it. */
const cannotSet = /^tar: .*Cannot set '(?:security\.capability|(?:trusted|user)\.overlay\.opaque)'.*$/m;

async function* entries(files: readonly SpecialFile[], contents: string): AsyncGenerator<Uint8Array> {
  for (const { names, header, xattrs } of files) {
    const [path = "", ...others] = names;
    yield encodeTarHeader({ ...header, path, xattrs });
    if (header.type === "file" && header.size > 0) {
      const file = `${contents}/${path}`;
      // Names that are not UTF-8 are bytes to Node.
      yield* createReadStream(file.isWellFormed() ? file : Buffer.from(encodeBytestring(file)));
      const over = header.size % 512;
      if (over > 0) yield new Uint8Array(512 - over);
    }
    for (const other of others)
      yield encodeTarHeader({ ...header, path: other, type: "hardlink", size: 0, linkname: path });
  }
  yield new Uint8Array(tarTrailerSize);
}
