import { randomUUID } from "node:crypto";
import { open, readlink, realpath, rename, rm, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { makeFolder } from "@lading/oci";
import { RegistryError } from "../errors.ts";

/**
 * Writes a file that nobody else may read, whole or not at all. Links are followed, so that a
 * config.json which is one stays one; the owner stays who it was. Throws RegistryError CREDENTIALS.
 */
export async function writePrivately(path: string, text: string): Promise<void> {
  try {
    const target = await targetOf(path);
    const before = await stat(target).catch(() => undefined);
    makeFolder(dirname(target), 0o700);
    const temporary = `${target}.${randomUUID()}.tmp`;
    try {
      const file = await open(temporary, "wx", 0o600);
      try {
        await file.writeFile(text);
        // Root may keep another's file: what it cannot give back stays root's. By the open file, since in
        // a folder of somebody else's the path may be a link by now.
        if (before !== undefined && before.uid !== process.getuid?.())
          await file.chown(before.uid, before.gid).catch(() => undefined);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, target);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  } catch (cause) {
    throw new RegistryError(
      "CREDENTIALS",
      `Cannot write credentials to "${path}": ${cause instanceof Error ? cause.message.replace(/^[A-Z]+: /, "") : "unknown"}`,
      {
        cause,
        hint: "Name a file that can be written with --authfile",
      },
    );
  }
}

// realpath() knows nothing of a link to a file that is still to be made.
async function targetOf(path: string): Promise<string> {
  let target = resolve(path);
  for (let hops = 0; hops < 40; hops++) {
    const real = await realpath(target).catch(() => undefined);
    if (real !== undefined) return real;
    const link = await readlink(target).catch(() => undefined);
    if (link === undefined) return target;
    target = resolve(dirname(target), link);
  }
  throw new Error("There are too many links");
}
