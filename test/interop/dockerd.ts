import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { attempt, run } from "./command.ts";
import { temporaryFolder } from "@lading/testkit";

export interface Docker extends AsyncDisposable {
  /** Run `docker …` against a dockerd of its own. */
  (args: readonly string[]): Promise<string>;
  /** How it keeps layers: "overlay2", or "vfs" where the kernel has no overlay for it. */
  readonly storageDriver: string;
  /** Where it listens, for DOCKER_HOST. */
  readonly host: string;
}

// Every mount is made in a namespace that ends with the daemon. Images are kept in memory: overlay2
// refuses to work on another overlay, which is what a container's own files are. Docker before 24
// writes a key below /etc/docker, wherever all else is.
const script = `
mount -t tmpfs lading "$1/data"
if [ -d /etc/docker ]; then mount -t tmpfs lading /etc/docker; fi
cd "$1"; shift; exec dockerd "$@"
`;

/** dockerd with data, state, socket and mounts of its own, without networks, stopped by its process ID. */
export async function startDocker(): Promise<Docker> {
  const failures: string[] = [];
  for (const storageDriver of ["overlay2", "vfs"]) {
    const folder = await temporaryFolder();
    const daemon = await startDaemon(folder.path, storageDriver);
    if ("failure" in daemon) {
      failures.push(daemon.failure);
      await folder[Symbol.asyncDispose]();
      continue;
    }
    const { docker, stop, host } = daemon;
    return Object.assign(docker, {
      storageDriver,
      host,
      async [Symbol.asyncDispose](): Promise<void> {
        await stop();
        await folder[Symbol.asyncDispose]();
      },
    });
  }
  throw new Error(`Cannot start dockerd: ${failures.join("\n")}`);
}

interface Daemon {
  readonly docker: (args: readonly string[]) => Promise<string>;
  readonly stop: () => Promise<void>;
  readonly host: string;
}

async function startDaemon(folder: string, storageDriver: string): Promise<Daemon | { readonly failure: string }> {
  const at = (name: string): string => join(folder, name);
  await run("mkdir", [at("data"), at("client")]);
  // Instead of the machine's own configuration. Docker 29 would keep images in containerd's store.
  await writeFile(at("daemon.json"), '{ "features": { "containerd-snapshotter": false } }\n');
  const options = {
    "config-file": at("daemon.json"),
    "data-root": at("data"),
    "exec-root": at("exec"),
    pidfile: at("pid"),
    host: `unix://${at("sock")}`,
    "storage-driver": storageDriver,
    bridge: "none",
    iptables: "false",
    ip6tables: "false",
  };
  const flags = Object.entries(options).map(([name, value]) => `--${name}=${value}`);
  const daemon = spawn("unshare", ["--mount", "sh", "-ec", script, "sh", folder, ...flags], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let log = "";
  daemon.stderr.setEncoding("utf8").on("data", (text: string) => (log += text));
  const exited = once(daemon, "exit");
  const client = ["--config", at("client"), "--host", `unix://${at("sock")}`];
  while ((await attempt("docker", [...client, "version"])).status !== 0) {
    if (daemon.exitCode !== null) return { failure: log };
    await setTimeout(50);
  }
  return {
    host: `unix://${at("sock")}`,
    docker: (args) => run("docker", [...client, ...args]),
    stop: async () => {
      // It ends its containers and its containerd before itself.
      daemon.kill("SIGTERM");
      await exited;
    },
  };
}
