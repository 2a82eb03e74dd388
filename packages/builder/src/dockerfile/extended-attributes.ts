import { spawn } from "node:child_process";
import { once } from "node:events";
import { buffer } from "node:stream/consumers";
import { type Options, readTar } from "@lading/oci";
import { BuildError } from "../errors.ts";

/** By path below the folder, "" for itself; of those that have any. */
export type ExtendedAttributes = ReadonlyMap<string, ReadonlyMap<string, Uint8Array>>;

/**
 * The extended attributes of all that is in a folder. There is no getxattr(2) in Node: GNU tar asks for them, and
 * what it packs beside is thrown away. Throws BuildError SOURCE_UNREADABLE.
 */
export async function extendedAttributes(folder: string, { signal }: Options = {}): Promise<ExtendedAttributes> {
  const include = ["--xattrs", "--xattrs-include=*", "--numeric-owner", "--sort=none"];
  const tar = spawn("tar", ["--create", "--format=pax", ...include, "--directory", folder, "."], {
    stdio: ["ignore", "pipe", "pipe"],
    signal,
  });
  const closed = once(tar, "close");
  // Whoever awaits it may have failed before.
  closed.catch(() => undefined);
  const said = buffer(tar.stderr);
  const found = new Map<string, ReadonlyMap<string, Uint8Array>>();
  try {
    for await (const { header } of readTar(tar.stdout, { signal })) {
      const { path, xattrs } = header;
      if (xattrs.size > 0) found.set(path === "." ? "" : path.replace(/^\.\//, ""), xattrs);
    }
    await closed;
  } catch (cause) {
    signal?.throwIfAborted();
    throw failure(cause);
  }
  if (tar.exitCode !== 0) throw failure((await said).toString("utf8").trim());
  return found;
}

function failure(cause: unknown): BuildError {
  const detail = cause instanceof Error ? cause.message : String(cause);
  return new BuildError("SOURCE_UNREADABLE", `Cannot read extended attributes with tar: ${detail}`, {
    cause,
    hint: "It takes GNU tar, on PATH",
  });
}
