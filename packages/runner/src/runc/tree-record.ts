import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { readJson } from "../state/json-file.ts";
import { capabilityAttribute, type SpecialFile } from "./special-files.ts";
import type { Unpacked } from "./unpack.ts";

const document = z.object({
  /** Bytes of files. */
  size: z.number(),
  /**
   * Programs with file capabilities (capabilities(7)): the kernel takes these away when a file gets
   * another owner, and Node cannot ask the disk for them.
   */
  capable: z.array(
    z.object({
      names: z.array(z.string()),
      mode: z.number(),
      uid: z.number(),
      gid: z.number(),
      size: z.number(),
      mtime: z.number(),
      /** Of the attribute, base64. */
      capability: z.string(),
    }),
  ),
});

/** What is known of unpacked files. */
export interface TreeRecord {
  /** Bytes of files. */
  readonly size: number;
  /** Programs with file capabilities. */
  readonly capable: readonly SpecialFile[];
}

/** Keeps in a tree's folder what is known of it; of `special` those that have capabilities. See tree-facts.ts. */
export function writeTreeRecord(folder: string, { size, special, layer }: Unpacked): void {
  const capable = special.flatMap(({ names, header, xattrs }) => {
    const capability = xattrs.get(capabilityAttribute);
    const { mode, uid, gid, mtime } = header;
    return capability === undefined
      ? []
      : [{ names, mode, uid, gid, size: header.size, mtime, capability: Buffer.from(capability).toString("base64") }];
  });
  writeFileSync(join(folder, "tree.json"), JSON.stringify({ size, capable, layer }), { mode: 0o600 });
}

/** Undefined where there is no tree. */
export function readTreeRecord(folder: string): TreeRecord | undefined {
  const { data } = document.safeParse(readJson(join(folder, "tree.json")));
  return (
    data && {
      size: data.size,
      capable: data.capable.map(({ names, capability, ...header }) => ({
        names,
        header: { ...header, type: "file", uname: "", gname: "", linkname: "", devmajor: 0, devminor: 0 },
        xattrs: new Map([[capabilityAttribute, Buffer.from(capability, "base64")]]),
      })),
    }
  );
}
