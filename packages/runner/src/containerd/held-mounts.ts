import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rmdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { RunnerError } from "../errors.ts";
import type { Mount } from "./gen/types.ts";

/** Mounted files, until disposed of. */
export interface HeldMounts extends AsyncDisposable {
  /** The folder that shows them. */
  readonly root: string;
}

// Mounts by the triples that it gets, says so, and lives until its input ends.
const script = `cd "$1" && target=$2 && shift 2 || exit 1
while [ $# -gt 0 ]; do mount -t "$1" -o "$2" "$3" "$target" || exit 1; shift 3; done
echo mounted && cat >/dev/null`;

/**
 * Mounts a snapshot where no other process sees it: in a mount namespace that a process holds, and
 * that goes with it. It ends when this process does, however that ends. Throws RunnerError ENGINE.
 */
export async function holdMounts(mounts: readonly Mount[]): Promise<HeldMounts> {
  const target = await mkdtemp(join(tmpdir(), "lading-files-"));
  const { folder, triples } = mountArguments(mounts);
  const command = ["--mount", "--propagation", "private", "sh", "-c", script, "sh", folder, target, ...triples];
  const holder = spawn("unshare", command, { stdio: "pipe" });
  const exited = once(holder, "exit");
  const release = async (): Promise<void> => {
    holder.stdin.end();
    await exited.catch(() => undefined);
    await rmdir(target);
  };
  const said = text(holder.stderr);
  const mounted = await Promise.race([once(holder.stdout, "data").then(() => true), exited.then(() => false)]);
  if (mounted) return { root: `/proc/${holder.pid}/root${target}`, [Symbol.asyncDispose]: release };
  await release();
  throw new RunnerError("ENGINE", `Cannot mount a container's files: ${(await said).trim()}`);
}

/** `holdMounts` until `work` has resolved. */
export async function withMounts<T>(mounts: readonly Mount[], work: (root: string) => Promise<T>): Promise<T> {
  await using held = await holdMounts(mounts);
  return await work(held.root);
}

const longest = 3500; // bytes; mount(2) takes a page

/** Options for mount(8), with the names of many lower layers cut to what is below a folder of all. */
function mountArguments(mounts: readonly Mount[]): { readonly folder: string; readonly triples: readonly string[] } {
  const all = mounts.flatMap(({ options }) => options);
  const lower = all.find((option) => option.startsWith("lowerdir="))?.slice("lowerdir=".length);
  const folder = lower === undefined || all.join(",").length < longest ? "/" : commonFolder(lower.split(":"));
  const short = (option: string): string =>
    folder !== "/" && option.startsWith("lowerdir=") ? option.replaceAll(`${folder}/`, "") : option;
  return {
    folder,
    triples: mounts.flatMap(({ type, source, options }) => [
      type === "bind" ? "none" : type,
      options.map(short).join(","),
      source,
    ]),
  };
}

function commonFolder([first = "/", ...others]: readonly string[]): string {
  let folder = dirname(first);
  while (folder !== "/" && !others.every((path) => path.startsWith(`${folder}/`))) folder = dirname(folder);
  return folder;
}
