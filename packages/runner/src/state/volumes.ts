import { existsSync, mkdirSync, readdirSync, renameSync, statSync } from "node:fs";
import { chmod, chown, rm } from "node:fs/promises";
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { promisify } from "node:util";
import { makeFolder } from "@lading/oci";
import type { ContainerPlan } from "../container-plan.ts";
import { RunnerError } from "../errors.ts";
import { rootedPath } from "./rooted-path.ts";
import { hasCode } from "./system-error.ts";

const run = promisify(execFile);

/*
 * Folders that Lading keeps, by name: `volumes/NAME` below the state folder. One appears by rename
 * when it has all that the image has at its path; it stays until somebody deletes it.
 */

const namePattern = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,254}$/;

/** The folder of a volume, whether it is there or not. Throws RunnerError SPEC for what cannot be a name. */
export function volumeFolder(root: string, name: string): string {
  if (!namePattern.test(name))
    throw new RunnerError("SPEC", `Cannot name a volume "${name}": expected letters, digits, "_", "." and "-"`);
  return join(root, "volumes", name);
}

/** The folders of a plan's volumes, by name. */
export function volumeFolders(
  root: string,
  { mounts }: Pick<ContainerPlan, "mounts">,
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    mounts.flatMap((mount) => (mount.type === "volume" ? [[mount.name, volumeFolder(root, mount.name)]] : [])),
  );
}

/**
 * Makes those of a plan's volumes that are not there, with content, owner and mode of what the image
 * has at the path of each, as docker does. `withImage` shows the image's files in a folder; it is only
 * asked when there is something to make.
 */
export async function makeVolumes(
  root: string,
  { mounts }: Pick<ContainerPlan, "mounts">,
  withImage: (work: (image: string) => Promise<void>) => Promise<void>,
): Promise<void> {
  const missing = mounts.filter((mount) => mount.type === "volume" && !existsSync(volumeFolder(root, mount.name)));
  if (missing.length === 0) return;
  makeFolder(join(root, "volumes"), 0o711);
  await withImage(async (image) => {
    for (const mount of missing)
      if (mount.type === "volume")
        await makeVolume(volumeFolder(root, mount.name), rootedPath(image, mount.destination));
  });
}

async function makeVolume(folder: string, source: string): Promise<void> {
  const made = `${folder}.${randomBytes(6).toString("hex")}~`;
  mkdirSync(made, { mode: 0o755 });
  try {
    const info = statSync(source, { throwIfNoEntry: false });
    if (info?.isDirectory() === true) {
      // Node copies neither owners nor extended attributes.
      if (readdirSync(source).length > 0) await run("cp", ["--archive", "--", `${source}/.`, made]);
      await chown(made, info.uid, info.gid);
      await chmod(made, info.mode & 0o7777);
    }
    renameSync(made, folder);
  } catch (error) {
    await rm(made, { recursive: true, force: true });
    // Another process was faster.
    if (!hasCode(error, "ENOTEMPTY", "EEXIST")) throw error;
  }
}
