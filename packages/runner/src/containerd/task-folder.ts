import { execFile } from "node:child_process";
import { mkdirSync } from "node:fs";
import { promisify } from "node:util";
import { RunnerError } from "../errors.ts";
import { type FifoOptions, fifoPaths, Fifos } from "./fifos.ts";

const run = promisify(execFile);

// In one go: to begin a process from here takes longer than what it does.
const script = `options=$1 shm=$2 && shift 2 && mkfifo -m 600 "$@" && if [ -n "$shm" ]; then
mkdir -m 700 "$shm" && mount -t tmpfs -o "nosuid,nodev,noexec,mode=1777,$options" shm "$shm"; fi`;

export interface TaskFolderOptions extends FifoOptions {
  /** A file system in memory to mount. */
  readonly sharedMemory?:
    | {
        readonly folder: string;
        /** Bytes. */
        readonly size: number;
        /** In the host's numbers. */
        readonly owner: { readonly uid: number; readonly gid: number };
      }
    | undefined;
}

/** Makes what Node cannot make by itself for a program, in a folder of its own. Throws RunnerError ENGINE. */
export async function makeTaskFolder(folder: string, { sharedMemory, ...options }: TaskFolderOptions): Promise<Fifos> {
  const paths = fifoPaths(folder, options);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const place = sharedMemory?.folder ?? "";
  const mount = `size=${sharedMemory?.size ?? 0},uid=${sharedMemory?.owner.uid ?? 0},gid=${sharedMemory?.owner.gid ?? 0}`;
  const fifos = Object.values(paths).filter((path: string) => path !== "");
  try {
    await run("sh", ["-c", script, "sh", mount, place, ...fifos]);
  } catch (cause) {
    throw new RunnerError("ENGINE", `Cannot make "${folder}"`, { cause });
  }
  return Fifos.open(paths, options);
}
