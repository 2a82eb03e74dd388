import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, readFile, writeFile } from "node:fs/promises";
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { attempt, run } from "./command.ts";
import { temporaryFolder } from "@lading/testkit";

export interface Containerd extends AsyncDisposable {
  /** Run `ctr …` against a containerd of its own. */
  (args: readonly string[]): Promise<string>;
  /** A folder that goes with it. */
  readonly folder: string;
  /** Where it answers. */
  readonly socket: string;
}

/** containerd with root, state and socket of its own, stopped by its process ID. */
export async function startContainerd(): Promise<Containerd> {
  const folder = await temporaryFolder();
  // Users of containers, mapped to others here, must be able to pass.
  await chmod(folder.path, 0o711);
  const at = (name: string): string => join(folder.path, name);
  await writeFile(
    at("config.toml"),
    `version = 2
root = "${at("root")}"
state = "${at("state")}"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]
[grpc]
address = "${at("sock")}"
[ttrpc]
address = "${at("sock.ttrpc")}"
`,
  );
  // To a file: whoever starts it may be too busy to read a pipe, and it would stop where that is full.
  const log = openSync(at("log"), "a");
  const daemon = spawn("containerd", ["--config", at("config.toml")], { stdio: ["ignore", "ignore", log] });
  closeSync(log);
  const exited = once(daemon, "exit");
  const address = ["--address", at("sock")];
  while ((await attempt("ctr", [...address, "version"])).status !== 0) {
    if (daemon.exitCode !== null) throw new Error(`Cannot start containerd: ${await readFile(at("log"), "utf8")}`);
    await setTimeout(50);
  }
  const ctr = (args: readonly string[]): Promise<string> => run("ctr", [...address, ...args]);
  return Object.assign(ctr, {
    folder: folder.path,
    socket: at("sock"),
    async [Symbol.asyncDispose](): Promise<void> {
      // Programs of a test that failed would go on without it, with files mounted in the folder.
      const { stdout } = await attempt("ctr", [...address, "--namespace", "lading", "tasks", "ls", "--quiet"]);
      for (const id of stdout.split("\n").filter((line) => line !== ""))
        await attempt("ctr", [...address, "--namespace", "lading", "tasks", "delete", "--force", id]);
      daemon.kill("SIGTERM");
      await exited;
      await folder[Symbol.asyncDispose]();
    },
  });
}
