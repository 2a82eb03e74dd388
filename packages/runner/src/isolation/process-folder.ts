import { closeSync, constants, openSync } from "node:fs";
import { readdir, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";
import { RunnerError } from "../errors.ts";
import { parseStatus, type ProcessStatus } from "../host/process-status.ts";

/**
 * A process's folder below /proc, held open: what is read is of that process alone and fails when
 * it has ended, even if another one has its number by then.
 */
export class ProcessFolder implements Disposable {
  readonly #folder: number;
  readonly #pid: number | "self";
  /** What may not be read, and why. */
  readonly refused: string[] = [];

  /** Throws RunnerError STATE when there is no such process. `root`: where /proc is. */
  constructor(pid: number | "self", root = "/") {
    this.#pid = pid;
    try {
      this.#folder = openSync(join(root, "proc", String(pid)), constants.O_RDONLY | constants.O_DIRECTORY);
    } catch (cause) {
      throw this.#ended(cause);
    }
  }

  /** Throws RunnerError STATE when it has ended: an ended process that nobody waited for has a status, but nothing else. */
  async status(): Promise<ProcessStatus> {
    const status = await this.#attempt("status", async (path) => parseStatus(await readFile(path, "utf8")));
    if (status === undefined || /[ZXx]/.test(status.state)) throw this.#ended();
    return status;
  }

  async bytes(name: string): Promise<Uint8Array> {
    return (await this.#attempt(name, async (path) => readFile(path))) ?? new Uint8Array();
  }

  /** "" for what may not be read, as `refused` then says. */
  async text(name: string): Promise<string> {
    return (await this.#attempt(name, async (path) => readFile(path, "utf8"))) ?? "";
  }

  /** Where the symbolic links of one of its folders lead, by name. */
  async links(name: string): Promise<Readonly<Record<string, string>>> {
    return (await this.#attempt(name, readLinks)) ?? {};
  }

  [Symbol.dispose](): void {
    closeSync(this.#folder);
  }

  async #attempt<T>(name: string, action: (path: string) => Promise<T>): Promise<T | undefined> {
    try {
      return await action(`/proc/self/fd/${this.#folder}/${name}`);
    } catch (error) {
      const code = error instanceof Error && "code" in error ? String(error.code) : "";
      if (code !== "EACCES" && code !== "EPERM") throw this.#ended(error);
      this.refused.push(`${name}: ${code}`);
      return undefined;
    }
  }

  #ended(cause?: unknown): RunnerError {
    return new RunnerError(
      "STATE",
      `Cannot look into process ${this.#pid}: it has ended`,
      cause === undefined ? {} : { cause },
    );
  }
}

async function readLinks(folder: string): Promise<Readonly<Record<string, string>>> {
  const names = await readdir(folder);
  return Object.fromEntries(await Promise.all(names.map(async (name) => [name, await readlink(join(folder, name))])));
}
