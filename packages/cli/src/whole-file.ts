import { randomUUID } from "node:crypto";
import { rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { makeFolder } from "@lading/oci";

/**
 * Writes a file whole or not at all: readers see the old content or the new. Makes its folder.
 * Devices and pipes (/dev/stderr, /dev/null) are written to and never replaced.
 */
export async function writeWholeFile(path: string, content: string): Promise<void> {
  const target = resolve(path);
  if (await isSpecial(target)) return await writeFile(target, content);
  const temporary = `${target}.${randomUUID()}.tmp`;
  makeFolder(dirname(target));
  try {
    await writeFile(temporary, content, { flag: "wx" });
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

// What /dev/stdout leads to may be a regular file; the link is the system's all the same.
async function isSpecial(path: string): Promise<boolean> {
  if (/^\/(?:dev|proc)\//.test(path)) return true;
  const info = await stat(path).catch(() => undefined);
  return info !== undefined && !info.isFile() && !info.isDirectory();
}
