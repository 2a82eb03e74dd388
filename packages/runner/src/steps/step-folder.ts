import { randomBytes } from "node:crypto";
import { rm } from "node:fs/promises";

/*
 * A step's folder, which is where its mounts are made:
 *
 *   upper, work        what it changes
 *   below/N, root      of its overlay, see overlay-folder.ts
 *   points             mount points that its files lack, the uppermost of what is below
 *   binds/N            for things to mount that it may write to: `upper`, `work`, `below`, `root`, or `file`
 *   secrets            where a file system in memory is mounted
 *   etc, ssh-N         files and sockets to mount
 *   config.json, log   of the runtime
 */

/** Twelve digits, which also are a runtime's name for a container. */
export function stepId(): string {
  return randomBytes(6).toString("hex");
}

/** Takes a folder away for good, also what only its own mode protects. */
export async function removeFolder(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true, maxRetries: 3 });
}
