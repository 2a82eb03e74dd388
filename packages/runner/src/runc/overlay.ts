import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { buffer } from "node:stream/consumers";
import type { Options } from "@lading/oci";
import { RunnerError } from "../errors.ts";
import type { OverlayFolder } from "./overlay-folder.ts";

/*
 * Where things are mounted for a container: the same for all, since each is mounted where nobody else
 * looks, in a mount namespace that goes with its last process. Not in the state folder, since users of
 * containers must be able to pass through all that is above.
 */
export const rootPlace = "/run/lading-containers/rootfs";
/** For /dev/shm, where those who join the ipc namespace find it as well. */
export const sharedMemoryPlace = "/run/lading-containers/shm";

export interface MountsOptions {
  /** The file that says what is mounted, as fstab(5); written here. */
  readonly table: string;
  /** A file system in memory at `sharedMemoryPlace`, of so many bytes and with this owner; none when not given. */
  readonly sharedMemory?: { readonly size: number; readonly uid: number; readonly gid: number } | undefined;
  /** A process in whose mount namespace this begins: what is at its `sharedMemoryPlace` is so here too. */
  readonly from?: number | undefined;
  /** A mount point to take away. */
  readonly hide?: string | undefined;
}

/** An overlay, and how it is mounted beside its folders: options as overlayfs has them. */
export interface Overlay {
  readonly folder: OverlayFolder;
  readonly options: readonly string[];
}

/** A command that runs `command` where an overlay is mounted at `rootPlace`, and nobody else sees it. */
export function withMounts(
  { folder, options }: Overlay,
  command: readonly string[],
  { table, sharedMemory, from, hide }: MountsOptions,
): readonly string[] {
  for (const place of [rootPlace, sharedMemoryPlace]) mkdirSync(place, { recursive: true, mode: 0o755 });
  // mount(8) passes over what it takes for mounted already: then it has another name.
  const source = from === undefined ? "overlay" : `overlay-${process.hrtime.bigint()}`;
  const entries = [
    [source, rootPlace, "overlay", folder.options(...options)],
    ...(sharedMemory === undefined ? [] : [["shm", sharedMemoryPlace, "tmpfs", sharedMemoryOptions(sharedMemory)]]),
  ];
  writeFileSync(table, entries.map((fields) => `${fields.map(escaped).join(" ")} 0 0\n`).join(""), { mode: 0o600 });
  const script = [
    ...(hide === undefined ? [] : ['umount "$3"']),
    `cd "$1" && ${mount} -a -T "$2" && cd /`,
    'shift 3 && exec "$@"',
  ];
  return [
    ...(from === undefined ? [] : ["nsenter", `--mount=/proc/${from}/ns/mnt`]),
    ...privately("sh", "-c", script.join(" && "), "sh", folder.path, table, hide ?? ""),
    ...command,
  ];
}

/** Mounts an overlay for as long as `work` takes, which gets the path that it is seen at from here. Throws RunnerError ENGINE. */
export async function withOverlay<T>(
  { folder, options }: Overlay,
  work: (root: string) => T | Promise<T>,
  { signal }: Options = {},
): Promise<T> {
  signal?.throwIfAborted();
  // It waits for the end of its input: so it goes when this process does, however that ends.
  const script = `${mount} -t overlay overlay -o "$1" root && echo && exec cat`;
  const [program = "", ...args] = privately("sh", "-c", script, "sh", folder.options(...options));
  const holder = spawn(program, args, { stdio: "pipe", cwd: folder.path });
  const gone = once(holder, "close");
  const said = buffer(holder.stderr);
  try {
    await Promise.race([once(holder.stdout, "data"), gone]);
    if (holder.exitCode !== null)
      throw new RunnerError("ENGINE", `Cannot mount an overlay in ${folder.path}: ${String(await said).trim()}`, {
        hint: "The folder must be on a file system that overlays can write to, such as ext4, xfs or tmpfs",
      });
    return await work(`/proc/${holder.pid}/root${folder.root}`);
  } finally {
    holder.stdin.end();
    await gone;
  }
}

/** For overlays of which a file can have only its owner and mode above, and its content below: see `mapOwners`. */
export const metacopy = ["metacopy=on", "redirect_dir=on"] as const;

/**
 * mount(8), by mount(2): since util-linux 2.39 it uses fsconfig(2), of which no value may be longer than 255 bytes
 * (https://github.com/util-linux/util-linux/issues/2287).
 */
export const mount = "LIBMOUNT_FORCE_MOUNT2=always mount";

/** In a mount namespace of its own, which gets what the host mounts, and gives nothing back. */
function privately(...command: readonly string[]): readonly string[] {
  return ["unshare", "--mount", "--propagation", "slave", ...command];
}

function sharedMemoryOptions({ size, uid, gid }: NonNullable<MountsOptions["sharedMemory"]>): string {
  const owner = uid === 0 && gid === 0 ? "" : `,uid=${uid},gid=${gid}`;
  return `nosuid,nodev,noexec,mode=1777,size=${size}${owner}`;
}

/** fstab(5): spaces, tabs, line ends and backslashes are numbers. */
function escaped(field: string): string {
  return field.replaceAll(/[\s\\]/g, (character) => `\\${character.charCodeAt(0).toString(8).padStart(3, "0")}`);
}
