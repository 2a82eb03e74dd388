import { closeSync, constants, openSync } from "node:fs";
import { Socket } from "node:net";
import { join } from "node:path";

export interface FifoOptions {
  readonly stdin: boolean;
  /** With one, stdout has everything. */
  readonly terminal: boolean;
}

/** As containerd is told them; "" for none. */
export interface FifoPaths {
  readonly stdin: string;
  readonly stdout: string;
  readonly stderr: string;
}

/** Where the pipes of a program are, in a folder of its own. */
export function fifoPaths(folder: string, { stdin, terminal }: FifoOptions): FifoPaths {
  return {
    stdin: stdin ? join(folder, "stdin") : "",
    stdout: join(folder, "stdout"),
    stderr: terminal ? "" : join(folder, "stderr"),
  };
}

/**
 * How a program of containerd is connected: named pipes, which its shim opens by their paths. Ends
 * are open here from the start, so nothing that is written gets lost.
 */
export class Fifos {
  readonly stdin: Socket | undefined;
  readonly stdout: Socket;
  readonly stderr: Socket | undefined;
  readonly paths: FifoPaths;
  readonly terminal: boolean;
  readonly #keepers: number[] = [];

  private constructor(paths: FifoPaths, terminal: boolean) {
    this.paths = paths;
    this.terminal = terminal;
    this.stdout = this.#reader(paths.stdout);
    this.stderr = paths.stderr === "" ? undefined : this.#reader(paths.stderr);
    // For reading as well: opening it must not depend on there being a reader yet.
    const input = (): number => openSync(paths.stdin, constants.O_RDWR | constants.O_NONBLOCK);
    this.stdin = paths.stdin === "" ? undefined : new Socket({ fd: input(), readable: false, writable: true });
    // At the end of its input the shim would hang up a terminal, and lose what is still to be read of it.
    const hold = terminal && paths.stdin !== "" ? input() : undefined;
    this.stdout.once("close", () => {
      this.stdin?.destroy();
      if (hold !== undefined) closeSync(hold);
    });
  }

  /** Opens those that `fifoPaths` said, when they are made. */
  static open(paths: FifoPaths, { terminal }: Pick<FifoOptions, "terminal">): Fifos {
    return new Fifos(paths, terminal);
  }

  /** The shim has opened them: from now on output ends when it closes its ends. */
  opened(): void {
    for (const fd of this.#keepers.splice(0)) closeSync(fd);
  }

  /** Closes every end. */
  close(): void {
    this.opened();
    this.stdin?.destroy();
    this.stdout.destroy();
    this.stderr?.destroy();
  }

  #reader(path: string): Socket {
    const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    // Without a writer it would be at its end already.
    this.#keepers.push(openSync(path, constants.O_WRONLY | constants.O_NONBLOCK));
    return new Socket({ fd, readable: true, writable: false });
  }
}
