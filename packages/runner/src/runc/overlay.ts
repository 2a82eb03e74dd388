import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { buffer } from "node:stream/consumers";
import type { Options } from "@lading/oci";
import { RunnerError } from "../errors.ts";

/** An overlay: what is in `upper` over what is in `lower`, the first of these on top. */
export interface Overlay {
  readonly lower: readonly string[];
  readonly upper: string;
  /** An empty folder beside `upper`. */
  readonly work: string;
  /** Whether a file below can have only its owner and mode above: see `mapOwners`. */
  readonly metacopy: boolean;
}

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

/** A command that runs `command` where an overlay is mounted at `rootPlace`, and nobody else sees it. */
export function withMounts(
  overlay: Overlay,
  command: readonly string[],
  { table, sharedMemory, from, hide }: MountsOptions,
): readonly string[] {
  makePlaces();
  // mount(8) passes over what it takes for mounted already: then it has another name.
  const entries = [
    [from === undefined ? "overlay" : `overlay-${process.hrtime.bigint()}`, rootPlace, "overlay", optionsOf(overlay)],
    ...(sharedMemory === undefined ? [] : [["shm", sharedMemoryPlace, "tmpfs", sharedMemoryOptions(sharedMemory)]]),
  ];
  writeFileSync(table, entries.map((fields) => `${fields.map(escaped).join(" ")} 0 0\n`).join(""), { mode: 0o600 });
  const script = `${hide === undefined ? "" : 'umount "$2" && '}mount -a -T "$1" && shift 2 && exec "$@"`;
  return [
    ...(from === undefined ? [] : ["nsenter", `--mount=/proc/${from}/ns/mnt`]),
    ...privately("sh", "-c", script, "sh", table, hide ?? ""),
    ...command,
  ];
}

/** Mounts an overlay for as long as `work` takes, which gets the path that it is seen at from here. */
export async function withOverlay<T>(
  overlay: Overlay,
  work: (root: string) => Promise<T>,
  { signal }: Options = {},
): Promise<T> {
  signal?.throwIfAborted();
  makePlaces();
  // It waits for the end of its input: so it goes when this process does, however that ends.
  const script = 'mount -t overlay overlay -o "$1" "$2" && echo && exec cat';
  const [program = "", ...args] = privately("sh", "-c", script, "sh", optionsOf(overlay), rootPlace);
  const holder = spawn(program, args, { stdio: "pipe", cwd: "/" });
  const gone = once(holder, "close");
  const said = buffer(holder.stderr);
  try {
    await Promise.race([once(holder.stdout, "data"), gone]);
    if (holder.exitCode !== null)
      throw new RunnerError("ENGINE", `Cannot mount an overlay: ${(await said).toString("utf8").trim()}`);
    return await work(`/proc/${holder.pid}/root${rootPlace}`);
  } finally {
    holder.stdin.end();
    await gone;
  }
}

/** Throws RunnerError SPEC for a state folder whose path overlay's options cannot say. */
export function mustBeMountable(root: string): void {
  if (/[,:\\"]/.test(root))
    throw new RunnerError("SPEC", `Cannot keep containers in "${root}": the path holds , : " or \\`);
}

/** In a mount namespace of its own, which gets what the host mounts, and gives nothing back. */
function privately(...command: readonly string[]): readonly string[] {
  return ["unshare", "--mount", "--propagation", "slave", ...command];
}

function sharedMemoryOptions({ size, uid, gid }: NonNullable<MountsOptions["sharedMemory"]>): string {
  const owner = uid === 0 && gid === 0 ? "" : `,uid=${uid},gid=${gid}`;
  return `nosuid,nodev,noexec,mode=1777,size=${size}${owner}`;
}

function makePlaces(): void {
  for (const place of [rootPlace, sharedMemoryPlace]) mkdirSync(place, { recursive: true, mode: 0o755 });
}

function optionsOf({ lower, upper, work, metacopy }: Overlay): string {
  const layers = `lowerdir=${lower.join(":")},upperdir=${upper},workdir=${work}`;
  return !metacopy ? layers : `${layers},metacopy=on,redirect_dir=on`;
}

/** fstab(5): spaces, tabs, line ends and backslashes are numbers. */
function escaped(field: string): string {
  return field.replaceAll(/[\s\\]/g, (character) => `\\${character.charCodeAt(0).toString(8).padStart(3, "0")}`);
}
