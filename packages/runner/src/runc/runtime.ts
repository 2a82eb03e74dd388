import { execFile } from "node:child_process";
import { existsSync, realpathSync } from "node:fs";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { RunnerError } from "../errors.ts";

const run = promisify(execFile);

/** runc or crun, with what it knows of our containers kept in a folder of ours. */
export class Runtime {
  readonly path: string;
  readonly #state: string;

  /** @param root - The state folder. */
  constructor(path: string, root: string) {
    // What /proc will say of a process of it.
    this.path = realpathSync(path);
    this.#state = join(root, "runtime");
  }

  /** `runc`, `crun`. */
  get name(): string {
    return basename(this.path);
  }

  get isCrun(): boolean {
    return this.name.includes("crun");
  }

  /** A command of it that writes what goes wrong to `log`, as lines of JSON. */
  command(log: string, ...args: readonly string[]): readonly string[] {
    return [this.path, "--root", this.#state, "--log", log, "--log-format", "json", ...args];
  }

  /** Ends and forgets a container; whether it still knew it. Throws RunnerError ENGINE. */
  async delete(id: string): Promise<boolean> {
    if (!existsSync(join(this.#state, id))) return false;
    try {
      await run(this.path, ["--root", this.#state, "delete", "--force", id]);
      return true;
    } catch (cause) {
      throw new RunnerError("ENGINE", `Cannot clean up container ${id} with ${this.path}`, { cause });
    }
  }
}
