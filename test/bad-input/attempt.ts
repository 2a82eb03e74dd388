import { spawn } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import { type Workspace, workspace } from "../cli/workspace.ts";

export type { Workspace } from "../cli/workspace.ts";

const executable = fileURLToPath(new URL("../../lading", import.meta.url));

/** Nothing here takes as long as this; what does, hangs. */
const patience = 20_000;

export interface Outcome {
  /** Null when a signal ended it: its own, or ours after `patience`. */
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface AttemptOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** A command in front, such as setpriv. */
  readonly through?: readonly string[];
  /** Called once the process runs. */
  readonly meanwhile?: (pid: number) => Promise<void>;
}

/** Runs the real command in a workspace; one that hangs is killed and ends with status null. */
export async function attempt(
  { path, cache }: Workspace,
  args: readonly string[],
  { env = {}, through = [], meanwhile }: AttemptOptions = {},
): Promise<Outcome> {
  const [command, ...before] = [...through, executable];
  const child = spawn(command, [...before, ...args], {
    cwd: path,
    env: { ...process.env, LADING_CACHE_DIR: cache, NO_COLOR: "1", SOURCE_DATE_EPOCH: undefined, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: patience,
    killSignal: "SIGKILL",
  });
  const exit = new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  const results = Promise.all([text(child.stdout), text(child.stderr), exit]);
  await meanwhile?.(child.pid ?? 0);
  const [stdout, stderr, status] = await results;
  return { status, stdout, stderr };
}

/** What must hold of every refusal: it is told in words, names no code of ours and puts nothing on stdout. */
export function expectRefusal({ status, stdout, stderr }: Outcome, expected: Refusal): void {
  expect(stderr).toMatch(/^error: \S/m);
  expect(stderr).not.toMatch(/^\s+at |node:internal|file:\/\/\/\S*\/dist\//m);
  expect(stderr).not.toMatch(controls);
  for (const words of [expected.says].flat()) expect(stderr).toContain(words);
  expect({ status, stdout }).toEqual({ status: expected.status ?? 1, stdout: "" });
}

export interface Refusal {
  /** Words of the message. */
  readonly says: string | readonly string[];
  /** Default: 1. */
  readonly status?: 1 | 2;
}

// What could move the cursor, retitle the window or turn the reading direction; line ends are ours.
const controls = /[\0-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]/;

/** A build of `args` to out.tar is refused, and what out.tar was before it still is. */
export async function expectBuildRefused(
  place: Workspace,
  args: readonly string[],
  refusal: Refusal,
  options?: AttemptOptions,
): Promise<void> {
  const output = join(place.path, "out.tar");
  await writeFile(output, "the old one");
  const before = await place.names();
  expectRefusal(await attempt(place, ["build", ...args, "--output", "oci-archive:out.tar"], options), refusal);
  expect(await readFile(output, "utf8")).toBe("the old one");
  // Temporary files would be the only other names.
  expect((await place.names()).filter((name) => !before.includes(name))).toEqual([]);
}

/** A folder with one file to build, `src/a`. */
export async function small(files: Readonly<Record<string, string>> = {}): Promise<Workspace> {
  return await workspace({ "src/a": "a", ...files });
}

/** How the command is run by somebody who is not root. */
export const asNobody: readonly string[] = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];

/** The same as `attempt`, with the most memory that the process had, in bytes. Linux only. */
export async function peakMemory(
  place: Workspace,
  args: readonly string[],
): Promise<Outcome & { readonly peak: number }> {
  let peak = 0;
  let watching: Promise<void> = Promise.resolve();
  const outcome = await attempt(place, args, {
    meanwhile: async (pid) => {
      watching = watch(pid, (kilobytes) => (peak = kilobytes * 1024));
      await Promise.resolve();
    },
  });
  await watching;
  expect(peak).toBeGreaterThan(0);
  return { ...outcome, peak };
}

/** Reads the kernel's high-water mark until the process is gone. */
async function watch(pid: number, tell: (kilobytes: number) => void): Promise<void> {
  for (;;) {
    const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
    const mark = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1];
    if (mark === undefined) return;
    tell(Number(mark));
    await sleep(20);
  }
}
