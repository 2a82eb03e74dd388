import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, writeFileSync } from "node:fs";
import { RunnerError } from "../errors.ts";
import type { IdRange } from "../run-spec.ts";
import type { IdMaps } from "../spec/namespaces.ts";
import { systemPath } from "./system-program.ts";

/**
 * A network namespace that this process holds by an open file. When the process ends, however that
 * comes about, and no process is left inside, the kernel takes it away with every interface in it.
 *
 * With `ids` it belongs to a new user namespace with that mapping, which is held as well. The
 * container has to join both: in a user namespace that does not own its network namespace, root may
 * neither mount sysfs nor write net sysctls, and runtimes fail at the first of these. Making them in
 * one unshare(2) is what makes the one own the other.
 */
export class NetworkNamespace implements Disposable {
  readonly #files: number[];
  /** Files for others to join it by; good for as long as it is held. */
  readonly network: string;
  /** undefined without `ids`. */
  readonly user: string | undefined;

  private constructor(files: number[]) {
    const [network, user] = files.map((file) => `/proc/${process.pid}/fd/${file}`);
    if (network === undefined) throw new TypeError("Cannot hold no namespace");
    this.#files = files;
    this.network = network;
    this.user = user;
  }

  /** With its loopback interface up. Throws RunnerError ENGINE, and UNSUPPORTED without unshare(1). */
  static async create(ids?: IdMaps): Promise<NetworkNamespace> {
    // What runs in it, with the capabilities that its maker has there, is ip(8). It ends when its input does.
    const owner = ids === undefined ? [] : ["--user", "--keep-caps"];
    const holder = spawn("unshare", [...owner, "--net", "ip", "-batch", "-"], {
      env: { ...process.env, PATH: systemPath.join(":") },
      // Of a session of its own: what the terminal sends to this one must not end it.
      detached: true,
    });
    const files: number[] = [];
    try {
      await answer(holder, "link set lo up\nlink show lo\n");
      const { pid } = holder;
      if (ids !== undefined) {
        writeFileSync(`/proc/${pid}/uid_map`, mapText(ids.uidMap));
        writeFileSync(`/proc/${pid}/gid_map`, mapText(ids.gidMap));
      }
      for (const kind of ids === undefined ? ["net"] : ["net", "user"])
        files.push(openSync(`/proc/${pid}/ns/${kind}`, "r"));
      return new NetworkNamespace(files);
    } catch (cause) {
      for (const file of files) closeSync(file);
      if (cause instanceof RunnerError) throw cause;
      throw new RunnerError("ENGINE", `Cannot make a network namespace: ${messageOf(cause)}`, { cause });
    } finally {
      holder.stdin.end();
    }
  }

  [Symbol.dispose](): void {
    for (const file of this.#files.splice(0)) closeSync(file);
  }
}

/** Resolves when the program has something to say to these commands. */
function answer(program: ChildProcess, commands: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let said = "";
  program.stderr?.on("data", (text) => (said += String(text)));
  program.stdin?.on("error", () => undefined);
  program.stdin?.write(commands);
  program.stdout?.once("data", () => resolve());
  program.once("error", (cause) => {
    reject(
      new RunnerError("UNSUPPORTED", "Cannot make a network namespace: unshare is not installed", {
        cause,
        hint: "Install util-linux: your distribution packages it",
      }),
    );
  });
  program.once("close", () => reject(new Error(said.trim() === "" ? "unshare ended" : said.trim())));
  return promise;
}

function mapText(ranges: readonly IdRange[]): string {
  return ranges.map(({ containerId, hostId, size }) => `${containerId} ${hostId} ${size}\n`).join("");
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
