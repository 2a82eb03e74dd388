import { open } from "node:fs/promises";
import { join } from "node:path";

const names = ["catatonit", "tini-static", "tini", "docker-init"];
const folders = [
  "/usr/local/libexec/podman",
  "/usr/libexec/podman",
  "/usr/lib/podman",
  "/usr/libexec/docker",
  "/usr/libexec/catatonit",
  "/usr/local/bin",
  "/usr/bin",
  "/bin",
];

/**
 * The path of a program of this machine that can be process 1 of a container and run the command that
 * follows "--": catatonit or tini. It must be static, since an image need not have a libc, let alone
 * this machine's. Undefined when there is none.
 */
export async function findInit(places: readonly string[] = folders): Promise<string | undefined> {
  for (const name of names)
    for (const folder of places) {
      const path = join(folder, name);
      if (await isStatic(path)) return path;
    }
  return undefined;
}

const interpreter = 3; // PT_INTERP, the loader that a program asks for (elf(5))

async function isStatic(path: string): Promise<boolean> {
  try {
    await using file = await open(path);
    const { buffer } = await file.read({ buffer: Buffer.alloc(4096), position: 0 });
    return loader(buffer) === false;
  } catch {
    return false;
  }
}

/** Whether an ELF file asks for a loader; undefined for what is no such file of this machine's kind. */
function loader(file: Buffer): boolean | undefined {
  // 64 bits, and in this machine's own order of bytes: all that Node runs on.
  if (file.toString("latin1", 0, 4) !== "\x7fELF" || file[4] !== 2 || file[5] !== 1) return undefined;
  const start = Number(file.readBigUInt64LE(32));
  const [size, count] = [file.readUInt16LE(54), file.readUInt16LE(56)];
  for (let at = 0; at < count; at++) {
    const offset = start + at * size;
    if (offset + 4 > file.length) return undefined;
    if (file.readUInt32LE(offset) === interpreter) return true;
  }
  return false;
}
