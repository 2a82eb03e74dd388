import { z } from "zod";
import { RunnerError } from "../errors.ts";
import { findPlugin, pluginFolders } from "./cni-folders.ts";
import { runProgram } from "./system-program.ts";

/*
 * Plugins of the Container Network Interface: programs that are told what to do by their environment
 * and a document on stdin, and answer with one on stdout (https://www.cni.dev/docs/spec/).
 */

/**
 * Every release of the plugins since 2019 knows this version of the specification, the newest too.
 */
const cniVersion = "0.4.0";

/** One plugin's part of a network. */
export interface PluginConfig {
  readonly type: string;
  readonly [key: string]: unknown;
}

/** What a plugin is to do. */
export interface PluginCall {
  readonly command: "ADD" | "DEL";
  /** The network's name. */
  readonly network: string;
  readonly containerId: string;
  /** The namespace's file; undefined when it is gone. */
  readonly netns: string | undefined;
  /** What the plugin before it answered, or of DEL, what ADD had. */
  readonly previous: unknown;
}

/** The name of the interface in the container. */
const containerInterface = "eth0";

/** Runs a plugin and resolves to its answer. Throws RunnerError UNSUPPORTED when it is not installed, and ENGINE with what it says. */
export async function runPlugin(config: PluginConfig, call: PluginCall): Promise<unknown> {
  const { type } = config;
  const path = findPlugin(type);
  if (path === undefined) throw missingPlugin(type);
  const document = {
    cniVersion,
    name: call.network,
    ...config,
    ...(call.previous === undefined ? {} : { prevResult: call.previous }),
  };
  const { code, stdout, stderr } = await runProgram(path, [], {
    input: JSON.stringify(document),
    env: {
      CNI_COMMAND: call.command,
      CNI_CONTAINERID: call.containerId,
      CNI_NETNS: call.netns ?? "",
      CNI_IFNAME: containerInterface,
      CNI_PATH: pluginFolders().join(":"),
    },
  });
  if (code === 0) return stdout.trim() === "" ? undefined : parseJson(stdout);
  const attempt = call.command === "ADD" ? "connect the container" : "disconnect the container";
  const said = failure.safeParse(parseJson(stdout));
  const text = said.success
    ? [said.data.msg, said.data.details].filter((part) => part !== undefined && part !== "").join(": ")
    : stderr.trim();
  throw new RunnerError(
    "ENGINE",
    `Cannot ${attempt}: CNI plugin "${type}" failed: ${text === "" ? "it said nothing" : text}`,
  );
}

function missingPlugin(type: string): RunnerError {
  return new RunnerError("UNSUPPORTED", `Cannot connect the container: CNI plugin "${type}" is not installed`, {
    hint: `Install the CNI plugins (Debian: containernetworking-plugins), or say where they are with CNI_PATH; looked in ${pluginFolders().join(", ")}`,
  });
}

const failure = z.object({ msg: z.string(), details: z.string().optional() });

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
