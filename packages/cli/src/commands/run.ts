import { resolve } from "node:path";
import { type BindMount, type ProfileName, runContainer, type RunSpec } from "@lading/runner";
import type { Flags } from "../flags.ts";
import { locate } from "../locate.ts";
import { openPlatform } from "../open-platform.ts";
import type { Command } from "../program.ts";
import { Registries } from "../registries.ts";
import { registryOptions } from "../registry-flags.ts";
import { UsageError } from "../usage.ts";

const text = { type: "string", requiresArg: true } as const;
const list = { ...text, array: true } as const;

export const command: Command = {
  positionals: { image: { type: "string", describe: "where the image is" } },
  options: {
    interactive: { type: "boolean", alias: "i", describe: "give it standard input" },
    tty: { type: "boolean", alias: "t", describe: "give it a terminal" },
    rm: { type: "boolean", describe: "leave nothing behind; always so, and here for habit" },
    env: { ...list, alias: "e", describe: "NAME=value, or NAME for the value that it has here" },
    volume: { ...list, alias: "v", describe: "HOST:CONTAINER[:ro], a file or folder of this machine" },
    workdir: { ...text, alias: "w", describe: "where it starts" },
    user: { ...text, alias: "u", describe: "USER[:GROUP], names or numbers of the image" },
    entrypoint: { ...text, describe: "what to start in place of the image's entrypoint" },
    hostname: { ...text, describe: "default: the container's ID" },
    network: { ...text, choices: ["none", "host"], describe: "default: none" },
    "read-only": { type: "boolean", describe: "the image's files cannot be changed" },
    tmpfs: { ...list, describe: "a file system in memory at this path" },
    "cap-add": { ...list, describe: "a capability more, or ALL" },
    "cap-drop": { ...list, describe: "a capability less, or ALL" },
    memory: { ...text, alias: "m", describe: "at most so many bytes: 512m, 2g" },
    cpus: { ...text, describe: "at most so many processors: 1.5" },
    "pids-limit": { ...text, describe: "at most so many processes; default: 2048" },
    profile: { ...text, choices: ["strict", "default", "unconfined"], describe: "what the process may do" },
    platform: { ...text, describe: "which image of several; default: this machine's" },
    root: { ...text, describe: "where unpacked images and running containers are kept; default: /var/lib/lading" },
    ...registryOptions,
  },
  examples: [
    ["run oci-archive:app.tar", "what the image says"],
    ["run -it --network host debian:12 bash", "a shell"],
    ["run --profile strict app:1 ./check --all", "no capability, nothing to write to"],
  ],
  run: async ({ flags, rest, signal }) => {
    const spec = runSpec(flags, rest);
    const name = flags.required("image");
    await using registries = Registries.from(flags, [name]);
    const located = await locate(name, registries, { signal });
    const image = await openPlatform(located, flags.text("platform"), { signal });
    const root = flags.text("root");
    const { code } = await runContainer(image, spec, {
      signal,
      interactive: flags.on("interactive"),
      ...(root === undefined ? {} : { root: resolve(root) }),
    });
    return code;
  },
};

function runSpec(flags: Flags, rest: readonly string[]): RunSpec {
  const entrypoint = flags.text("entrypoint");
  const terminal = flags.on("tty");
  if (terminal && !(flags.on("interactive") && process.stdin.isTTY && process.stdout.isTTY))
    throw new UsageError("Cannot give it a terminal: that takes one here, and --interactive", {
      hint: "Leave --tty out where input or output is a file or a pipe",
    });
  return {
    command: rest.length === 0 ? undefined : rest,
    entrypoint: entrypoint === undefined ? undefined : entrypoint === "" ? [] : [entrypoint],
    env: flags.list("env").flatMap(environmentEntry),
    mounts: flags.list("volume").map(bindMount),
    workdir: flags.text("workdir"),
    user: flags.text("user"),
    hostname: flags.text("hostname"),
    network: oneOf(flags.text("network"), ["none", "host"]),
    readonlyRoot: flags.switched("read-only"),
    tmpfs: flags.list("tmpfs"),
    capAdd: flags.list("cap-add"),
    capDrop: flags.list("cap-drop"),
    memory: bytes(flags.text("memory")),
    cpus: number("cpus", flags.text("cpus")),
    pidsLimit: number("pids-limit", flags.text("pids-limit")),
    profile: oneOf<ProfileName>(flags.text("profile"), ["strict", "default", "unconfined"]),
    terminal,
  };
}

/** As docker: a name alone takes the value of this environment, and is nothing where that has none. */
function environmentEntry(entry: string): readonly string[] {
  if (entry.includes("=")) return [entry];
  const value = process.env[entry];
  return value === undefined ? [] : [`${entry}=${value}`];
}

function bindMount(text: string): BindMount {
  const [source = "", destination = "", mode = "rw", ...more] = text.split(":");
  if (more.length > 0 || !destination.startsWith("/") || !["ro", "rw"].includes(mode) || source === "")
    throw new UsageError(`Cannot use --volume ${text}: expected HOST:CONTAINER[:ro], the second an absolute path`);
  if (!/^[./~]/.test(source))
    throw new UsageError(`Cannot use --volume ${text}: this version has no named volumes`, {
      hint: `For a folder here, write ./${source}`,
    });
  return { source: resolve(source), destination, readonly: mode === "ro" };
}

const units: Readonly<Record<string, number>> = { "": 1, b: 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

function bytes(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const [, amount = "", unit = ""] = /^([0-9]+(?:\.[0-9]+)?)([bkmg]?)(?:i?b)?$/i.exec(text) ?? [];
  const factor = units[unit.toLowerCase()];
  if (amount === "" || factor === undefined)
    throw new UsageError(`Cannot use --memory ${text}: expected bytes, as in 512m or 2g`);
  return Math.floor(Number(amount) * factor);
}

function number(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!(value > 0) || !Number.isFinite(value))
    throw new UsageError(`Cannot use --${flag} ${text}: expected a number above 0`);
  return value;
}

function oneOf<T extends string>(text: string | undefined, values: readonly T[]): T | undefined {
  return values.find((value) => value === text);
}
