import { readFile } from "node:fs/promises";
import { type ProcessCgroups, processCgroups } from "../isolation/process-cgroups.ts";

const interval = 50; // milliseconds

/**
 * Looks whether the kernel ends a process for want of memory. podman says so only with a conmon from
 * 2.1.8 on, and takes the cgroup away as soon as the program has ended: so it is looked at meanwhile.
 */
export class OomWatch {
  readonly #timer: NodeJS.Timeout;
  readonly #cgroups: Promise<ProcessCgroups | undefined>;
  #killed = false;

  /** `pid`: of the container's program, begun or not. */
  constructor(pid: number) {
    this.#cgroups = readFile(`/proc/${pid}/cgroup`, "utf8").then(
      (text) => processCgroups(text),
      () => undefined,
    );
    this.#timer = setInterval(() => void this.#look(), interval).unref();
  }

  /** Whether it did; looks a last time. */
  async end(): Promise<boolean> {
    clearInterval(this.#timer);
    await this.#look();
    return this.#killed;
  }

  async #look(): Promise<void> {
    this.#killed ||= (await (await this.#cgroups)?.oomKilled()) === true;
  }
}
