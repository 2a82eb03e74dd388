import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, openSync, readFileSync, statfsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { isRoot, run, type RunOptions } from "./command.ts";
import { temporaryFolder } from "@lading/testkit";

export interface Podman extends AsyncDisposable {
  /** Run `podman …` on a store of its own. */
  (args: readonly string[], options?: RunOptions): Promise<string>;
  /** The same as a command line, for who starts it otherwise. */
  command(args: readonly string[]): readonly string[];
  /** Serves Docker's API on a socket until it is disposed of. */
  serve(): Promise<{ readonly socket: string } & AsyncDisposable>;
}

/** podman with a store, a configuration and networks of its own; everything is gone afterwards. */
export async function startPodman(): Promise<Podman> {
  const folder = await temporaryFolder();
  const at = (name: string): string => join(folder.path, name);
  await mkdir(at("net"));
  await writeFile(at("containers.conf"), configuration());
  const store = [
    "--root",
    at("root"),
    "--runroot",
    at("run"),
    "--tmpdir",
    at("tmp"),
    "--network-config-dir",
    at("net"),
    // Without root it may choose to copy every layer.
    ...(isRoot ? [] : ["--storage-driver", "overlay"]),
  ];
  const env = { CONTAINERS_CONF: at("containers.conf") };
  const podman = (args: readonly string[], options: RunOptions = {}): Promise<string> =>
    run("podman", [...store, ...args], { ...options, env: { ...options.env, ...env } });
  return Object.assign(podman, {
    command: (args: readonly string[]) => [
      "env",
      `CONTAINERS_CONF=${env.CONTAINERS_CONF}`,
      "podman",
      ...store,
      ...args,
    ],
    async serve() {
      const socket = at("podman.sock");
      const log = openSync(at("service.log"), "a");
      const service = spawn("podman", [...store, "system", "service", "--time=0", `unix://${socket}`], {
        // conmon leaves a file named "oom" where its podman was started.
        cwd: folder.path,
        // To a file: whoever starts it may be too busy to read a pipe.
        stdio: ["ignore", "ignore", log],
        env: { ...process.env, ...env },
      });
      closeSync(log);
      const exited = once(service, "exit");
      while (!existsSync(socket)) {
        if (service.exitCode !== null)
          throw new Error(`Cannot start podman's service: ${readFileSync(at("service.log"), "utf8")}`);
        await setTimeout(20);
      }
      return {
        socket,
        async [Symbol.asyncDispose](): Promise<void> {
          service.kill("SIGTERM");
          await exited;
        },
      };
    },
    async [Symbol.asyncDispose](): Promise<void> {
      await podman(["rm", "--all", "--force", "--time", "0"]);
      await podman(["network", "prune", "--force"]);
      await podman(["rmi", "--all", "--force"]);
      // The overlay driver keeps its folder mounted on itself.
      if (isRoot) for (const mount of mountsBelow(folder.path)) await run("umount", [mount]);
      // Some files belong to users that only its namespace knows, as the mount is in its alone.
      else await podman(["unshare", "sh", "-ec", 'umount "$1/overlay"; rm -rf "$@"', "sh", at("root"), at("run")]);
      await folder[Symbol.asyncDispose]();
    },
  });
}

/** Settings for what this machine does not allow; empty where podman's own defaults work. */
function configuration(): string {
  const containers: string[] = [];
  const engine: string[] = ['events_logger = "file"'];
  if (!hasCapability(24 /* CAP_SYS_RESOURCE */)) {
    // podman asks for 1048576 of each and may not exceed the hard limits; it lowers nproc to 32768 itself.
    const limits = [`nofile=${atMost("Max open files", 1_048_576)}`, `nproc=${atMost("Max processes", 32_768)}`];
    containers.push(`default_ulimits = [${limits.map((limit) => `"${limit}"`).join(", ")}]`);
  }
  // crun refuses cgroup v1 with controllers left in a v2 hierarchy beside it.
  if (isHybrid()) engine.push('runtime = "runc"');
  if (!existsSync("/run/systemd/private")) engine.push('cgroup_manager = "cgroupfs"');
  return ["[containers]", ...containers, "[engine]", ...engine, ""].join("\n");
}

function hasCapability(bit: number): boolean {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "0";
  return ((BigInt(`0x${effective}`) >> BigInt(bit)) & 1n) === 1n;
}

function atMost(limit: string, wanted: number): string {
  const hard = new RegExp(`^${limit}\\s+\\S+\\s+(\\d+)`, "m").exec(readFileSync("/proc/self/limits", "utf8"))?.[1];
  const value = Math.min(wanted, Number(hard ?? wanted));
  return `${value}:${value}`;
}

function isHybrid(): boolean {
  const tmpfs = 0x01021994;
  const controllers = "/sys/fs/cgroup/unified/cgroup.controllers";
  if (!existsSync(controllers) || statfsSync("/sys/fs/cgroup").type !== tmpfs) return false;
  return readFileSync(controllers, "utf8").trim() !== "";
}

function mountsBelow(folder: string): readonly string[] {
  const mounts = readFileSync("/proc/self/mounts", "utf8").split("\n");
  return mounts
    .map((line) => line.split(" ")[1] ?? "")
    .filter((path) => path.startsWith(`${folder}/`))
    .toReversed();
}
