import { readFileSync, statSync } from "node:fs";
import { resolve } from "node:path";
import type { DockerfileRequest } from "@lading/builder";
import type { Options } from "yargs";
import type { Flags } from "../flags.ts";
import { UsageError } from "../usage.ts";
import type { DockerfileSettings } from "./description-file.ts";

const group = "For Dockerfiles:";
const list = (describe: string): Options => ({ describe, group, type: "string", array: true, requiresArg: true });

/** The flags that have a meaning for a Dockerfile only; the same words as docker build's. */
export const dockerfileOptions = {
  target: { describe: "stage to build; default: the last", group, type: "string", requiresArg: true },
  "build-arg": list("NAME=VALUE for an ARG, or NAME to take it from here"),
  network: {
    describe: "network of RUN: none (the default), default or host",
    group,
    choices: ["none", "default", "host"],
    requiresArg: true,
  },
  secret: list(
    "id=NAME[,src=FILE|,env=VARIABLE] for RUN --mount=type=secret, or HTTP_AUTH_TOKEN_HOST and HTTP_AUTH_HEADER_HOST for ADD",
  ),
  ssh: list("default or ID=SOCKET, an ssh agent for RUN --mount=type=ssh"),
  "build-context": list("NAME=FOLDER or NAME=PLACE, what FROM and --from call NAME"),
} satisfies Record<string, Options>;

/** What they say, over what a description says. Throws UsageError. */
export function dockerfileFlags(
  flags: Flags,
  { settings = {}, context = process.cwd(), env = process.env }: DockerfileFlagsOptions = {},
): DockerfileFlags {
  const buildArgs: Record<string, string> = { ...settings.args };
  for (const text of flags.list("build-arg")) {
    const equals = text.indexOf("=");
    if (equals === 0) throw new UsageError(`Cannot read --build-arg "${text}": expected NAME=VALUE`);
    // As docker has it: a name that is not set here is not given.
    const value = equals === -1 ? env[text] : text.slice(equals + 1);
    if (value !== undefined) buildArgs[equals === -1 ? text : text.slice(0, equals)] = value;
  }
  const contexts = Object.fromEntries(
    Object.entries(settings.contexts ?? {}).map(([name, what]) => [name, readContext(what, context)]),
  );
  for (const text of flags.list("build-context")) {
    const equals = text.indexOf("=");
    if (equals <= 0 || equals === text.length - 1)
      throw new UsageError(`Cannot read --build-context "${text}": expected NAME=FOLDER or NAME=PLACE`);
    contexts[text.slice(0, equals)] = readContext(text.slice(equals + 1), process.cwd());
  }
  const network = flags.text("network");
  return {
    target: flags.text("target") ?? settings.target,
    buildArgs,
    contexts,
    network: network === "none" || network === "default" || network === "host" ? network : (settings.network ?? "none"),
    secrets: Object.fromEntries(flags.list("secret").map((text) => readSecret(text, env))),
    ssh: Object.fromEntries(flags.list("ssh").map((text) => readSsh(text, env))),
  };
}

export interface DockerfileFlagsOptions {
  /** What a description says of the Dockerfile. Default: nothing. */
  readonly settings?: Omit<DockerfileSettings, "file"> | undefined;
  /** Absolute path of the folder that its folders are relative to. Default: the working directory, as for those of flags. */
  readonly context?: string;
  readonly env?: NodeJS.ProcessEnv;
}

function readContext(text: string, folder: string): { folder: string } | { place: string } {
  const place = text.replace(/^docker-image:\/\//, "").replace(/^oci-layout:\/\//, "oci:");
  const path = resolve(folder, place);
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) return { folder: path };
  if (/^\.{0,2}\//.test(place))
    throw new UsageError(`Cannot use "${text}" as a build context: there is no such folder`);
  return { place };
}

/** The parts of a request that flags say. */
export type DockerfileFlags = Pick<
  DockerfileRequest,
  "target" | "buildArgs" | "contexts" | "network" | "secrets" | "ssh"
>;

function readSecret(text: string, env: NodeJS.ProcessEnv): readonly [string, Uint8Array] {
  const given = new Map(text.split(",").map((field) => [field.split("=", 1)[0] ?? "", field.replace(/^[^=]*=/, "")]));
  const id = given.get("id");
  if (id === undefined) throw new UsageError(`Cannot read --secret "${text}": expected id=NAME`);
  const variable = given.get("env") ?? (env[id] === undefined ? undefined : id);
  const path = given.get("src") ?? given.get("source");
  if (path === undefined && variable !== undefined) return [id, Buffer.from(env[variable] ?? "")];
  try {
    return [id, readFileSync(path ?? id)];
  } catch (cause) {
    throw new UsageError(`Cannot read the file of secret "${id}"`, { cause });
  }
}

function readSsh(text: string, env: NodeJS.ProcessEnv): readonly [string, string] {
  const equals = text.indexOf("=");
  const id = equals === -1 ? text : text.slice(0, equals);
  const socket = equals === -1 ? env["SSH_AUTH_SOCK"] : text.slice(equals + 1);
  if (socket === undefined || socket === "")
    throw new UsageError(`Cannot use --ssh ${id}: there is no agent (SSH_AUTH_SOCK is not set)`);
  return [id, resolve(socket)];
}
