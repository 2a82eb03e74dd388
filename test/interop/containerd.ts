import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { attempt, run } from "./command.ts";
import { temporaryFolder } from "@lading/testkit";

export interface Containerd extends AsyncDisposable {
  /** Run `ctr …` against a containerd of its own. */
  (args: readonly string[]): Promise<string>;
}

/** containerd with root, state and socket of its own, stopped by its process ID. */
export async function startContainerd(): Promise<Containerd> {
  const folder = await temporaryFolder();
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
  const daemon = spawn("containerd", ["--config", at("config.toml")], { stdio: ["ignore", "ignore", "pipe"] });
  let log = "";
  daemon.stderr.setEncoding("utf8").on("data", (text: string) => (log += text));
  const exited = once(daemon, "exit");
  const address = ["--address", at("sock")];
  while ((await attempt("ctr", [...address, "version"])).status !== 0) {
    if (daemon.exitCode !== null) throw new Error(`Cannot start containerd: ${log}`);
    await setTimeout(50);
  }
  const ctr = (args: readonly string[]): Promise<string> => run("ctr", [...address, ...args]);
  return Object.assign(ctr, {
    async [Symbol.asyncDispose](): Promise<void> {
      daemon.kill("SIGTERM");
      await exited;
      await folder[Symbol.asyncDispose]();
    },
  });
}
