import { once } from "node:events";
import type { Writable } from "node:stream";
import { encodeTarHeader, type Options, type TarHeader, tarTrailerSize } from "@lading/oci";
import type { CopyCount } from "./copy-report.ts";
import type { FileAttributes } from "./rooted-folder.ts";
import type { CopyEntry } from "./walk-tree.ts";

export interface WriteTarOptions extends Options {
  /** What the paths of entries follow. */
  readonly name: string;
  readonly owner: (header: TarHeader) => FileAttributes["owner"];
  readonly count: CopyCount;
}

/** Writes entries as a tar; the stream is not ended. */
export async function writeTar(
  entries: AsyncIterable<CopyEntry>,
  target: Writable,
  { name, owner, count, signal }: WriteTarOptions,
): Promise<void> {
  const write = async (bytes: Uint8Array): Promise<void> => {
    signal?.throwIfAborted();
    if (!target.write(bytes)) await once(target, "drain", { signal });
  };
  const within = (path: string): string => [name, path].filter((part) => part !== "").join("/");
  for await (const { header, body } of entries) {
    const linkname = header.type === "hardlink" ? within(header.linkname) : header.linkname;
    // A fraction of a second would take a header of its own.
    const mtime = Math.floor(header.mtime);
    await write(encodeTarHeader({ ...header, ...owner(header), mtime, path: within(header.path), linkname }));
    if (header.type !== "file") {
      if (header.type === "directory") count.folders++;
      else count.links++;
      continue;
    }
    for await (const chunk of body()) await write(chunk);
    if (header.size % 512 !== 0) await write(new Uint8Array(512 - (header.size % 512)));
    count.files++;
    count.bytes += header.size;
  }
  await write(new Uint8Array(tarTrailerSize));
}
