import { resolve } from "node:path";
import type { Writable } from "node:stream";
import { type Bytes, decompress, OciError, type Options, readTar } from "@lading/oci";
import { RunnerError } from "../errors.ts";
import { idInside, idOutside } from "../isolation/id-map.ts";
import type { IdRange } from "../run-spec.ts";
import { CopyCount, type CopyReport } from "./copy-report.ts";
import { copySource, destinationOf } from "./destination.ts";
import { errorCode } from "./error-code.ts";
import { type LocateOptions, type Location, RootedFiles } from "./rooted-files.ts";
import type { FileAttributes, FileStatus } from "./rooted-folder.ts";
import { writeTar } from "./tar-stream.ts";
import { TreeWriter } from "./tree-writer.ts";
import { walkTree } from "./walk-tree.ts";

export interface CopyFilesOptions extends Options {
  /**
   * Keep owners, and setuid and setgid bits. Default: false; then what comes out belongs to whoever
   * calls, and what goes in to the container's root.
   */
  readonly owners?: boolean | undefined;
  /** Copy what the source leads to when it is a symbolic link, not the link. Default: false. */
  readonly follow?: boolean | undefined;
  /** Which of the host's ids those of the container are. Default: the same, and its root whoever calls when that is not root. */
  readonly ids?: { readonly uidMap: readonly IdRange[]; readonly gidMap: readonly IdRange[] } | undefined;
}

const sameIds: NonNullable<CopyFilesOptions["ids"]> = {
  uidMap: [{ containerId: 0, hostId: 0, size: 2 ** 32 }],
  gidMap: [{ containerId: 0, hostId: 0, size: 2 ** 32 }],
};

/**
 * Copies a file or folder out of a container, with the rules of `docker cp`: to a path of the host,
 * or as a tar to a stream, which is not ended. `root` is where the container's files are on the host,
 * such as /proc/PID/root. Folders that are there keep their modes and owners. Throws RunnerError
 * NOT_FOUND, SPEC and COPY.
 */
export async function copyOut(
  root: string,
  path: string,
  destination: string | Writable,
  { owners = false, follow = false, ids = sameIds, signal }: CopyFilesOptions = {},
): Promise<CopyReport> {
  const count = new CopyCount();
  return attempt(`Cannot copy "${path}" out of the container`, async () => {
    await using container = await RootedFiles.open(root);
    await using source = await locateSource(container, path, follow, "NOT_FOUND");
    const description = copySource(path, source.status.type === "directory");
    const entries = walkTree(source.location.folder, source.location.name, { count, signal });
    const owner = ownersInside(ids);
    if (typeof destination !== "string") {
      const name = description.contents ? "" : description.name;
      await writeTar(entries, destination, { name, owner, count, signal });
      return count.report();
    }
    await using host = await RootedFiles.open("/");
    const base = await destinationOf(host, absolute(destination), description);
    const target = { owner: owners ? owner : nobody, special: owners, count, signal };
    return await copyEntries(entries, host, base, target);
  });
}

/**
 * Copies a file or folder of the host, or what is in a tar (gzip and zstd too), into a container; see
 * `copyOut`. A tar goes into a folder that must be there; an entry that would leave it fails the
 * copy. Throws RunnerError SPEC and COPY, and OciError for damaged archives.
 */
export async function copyIn(
  source: string | Bytes,
  root: string,
  path: string,
  { owners = false, follow = false, ids, signal }: CopyFilesOptions = {},
): Promise<CopyReport> {
  const count = new CopyCount();
  return attempt(`Cannot copy to "${path}" in the container`, async () => {
    await using container = await RootedFiles.open(root);
    const owner = ownersOutside(ids ?? sameIds);
    const inside = ids === undefined && process.getuid?.() !== 0 ? undefined : owner({ uid: 0, gid: 0 });
    const target = { owner: owners ? owner : () => inside, special: owners, count, signal };
    if (typeof source !== "string") {
      const base = await folderOf(container, path);
      return await copyEntries(readTar(decompress(source, { signal }), { signal }), container, base, target);
    }
    await using host = await RootedFiles.open("/");
    await using from = await locateSource(host, absolute(source), follow, "SPEC");
    const base = await destinationOf(container, path, copySource(absolute(source), from.status.type === "directory"));
    return await copyEntries(
      walkTree(from.location.folder, from.location.name, { count, signal }),
      container,
      base,
      target,
    );
  });
}

async function copyEntries(
  entries: AsyncIterable<Parameters<TreeWriter["write"]>[0]>,
  files: RootedFiles,
  base: string,
  options: ConstructorParameters<typeof TreeWriter>[2],
): Promise<CopyReport> {
  await using writer = new TreeWriter(files, base, options);
  for await (const entry of entries) await writer.write(entry);
  await writer.finish();
  return options.count.report();
}

/** As `resolve`, but a `/` or `/.` at its end, which asks for a folder, stays. */
function absolute(path: string): string {
  const asked = /\/\.?$/.exec(path)?.[0] ?? (path === "." ? "/." : "");
  return `${resolve(path)}${asked}`;
}

async function locateSource(
  files: RootedFiles,
  path: string,
  follow: boolean,
  code: "NOT_FOUND" | "SPEC",
): Promise<{ readonly location: Location; readonly status: FileStatus } & AsyncDisposable> {
  const options: LocateOptions = { follow };
  const status = await files.status(path, options);
  if (status === undefined) throw new RunnerError(code, `Cannot copy "${path}": it is not there`);
  const location = await files.locate(path, options);
  return { location, status, [Symbol.asyncDispose]: () => location[Symbol.asyncDispose]() };
}

async function folderOf(files: RootedFiles, path: string): Promise<string> {
  const status = await files.status(path, { follow: true });
  if (status?.type !== "directory")
    throw new RunnerError(
      "SPEC",
      `Cannot copy a tar to "${path}": ${status === undefined ? "it is not there" : "it is no folder"}`,
    );
  await using found = await files.locate(path, { follow: true });
  return found.path;
}

type Ids = NonNullable<CopyFilesOptions["ids"]>;
type Owner = NonNullable<FileAttributes["owner"]>;

/** Owners in the container's numbers. */
function ownersInside({ uidMap, gidMap }: Ids): (owner: Owner) => Owner {
  return ({ uid, gid }) => ({ uid: idInside(uidMap, uid), gid: idInside(gidMap, gid) });
}

/** Owners in the host's numbers. */
function ownersOutside({ uidMap, gidMap }: Ids): (owner: Owner) => Owner {
  return ({ uid, gid }) => ({ uid: idOutside(uidMap, uid), gid: idOutside(gidMap, gid) });
}

function nobody(): undefined {
  return undefined;
}

const reasons: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EPERM: "not permitted",
  EROFS: "it is on a file system that is read-only",
  ENOSPC: "the disk is full",
  EISDIR: "a folder is in the place of a file",
  ENOTDIR: "a file is in the place of a folder",
  ENOENT: "the folder that should hold it is not there",
  ELOOP: "its path has too many symbolic links",
  EBUSY: "something is mounted on it",
};

/** What the system says, in words. */
async function attempt<T>(what: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (cause) {
    if (cause instanceof RunnerError || cause instanceof OciError || errorCode(cause) === "") throw cause;
    const reason = reasons[errorCode(cause)] ?? (cause instanceof Error ? cause.message : String(cause));
    throw new RunnerError("COPY", `${what}: ${reason}`, { cause });
  }
}
