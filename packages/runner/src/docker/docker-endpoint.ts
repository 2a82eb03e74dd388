import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { RunnerError } from "../errors.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** Where Docker's daemon listens. */
export interface DockerEndpoint {
  /** As docker writes it: `unix:///var/run/docker.sock`. */
  readonly name: string;
  /** What `node:http` is to connect to. */
  readonly connect: { readonly socketPath: string } | { readonly host: string; readonly port: number };
}

/**
 * Finds Docker's daemon as docker's command does: DOCKER_HOST, else the context that DOCKER_CONTEXT or config.json
 * names, else /var/run/docker.sock. Throws RunnerError NO_ENGINE for a place that is not spoken to here.
 */
export function dockerEndpoint(env: Environment = process.env): DockerEndpoint {
  const named = env["DOCKER_HOST"];
  const name = named === undefined || named === "" ? (contextHost(env) ?? "unix:///var/run/docker.sock") : named;
  const socketPath = /^unix:\/\/(\/.+)$/.exec(name)?.[1];
  if (socketPath !== undefined) return { name, connect: { socketPath } };
  const isPlain = (env["DOCKER_TLS_VERIFY"] ?? "") === "";
  if (isPlain && URL.canParse(name) && new URL(name).protocol === "tcp:") {
    const { hostname, port } = new URL(name);
    return { name, connect: { host: hostname.replace(/^\[|\]$/g, ""), port: Number(port === "" ? 2375 : port) } };
  }
  throw new RunnerError(
    "NO_ENGINE",
    `Cannot reach Docker at "${name}": only sockets and tcp without TLS are spoken to`,
    {
      hint: "Let docker itself do it: lading build -o docker-archive:- | docker load",
    },
  );
}

function contextHost(env: Environment): string | undefined {
  // As docker has it, an empty variable is none.
  const folder = env["DOCKER_CONFIG"] || join(env["HOME"] || homedir(), ".docker");
  const context = env["DOCKER_CONTEXT"] || text(readJson(join(folder, "config.json")), "currentContext") || "default";
  if (context === "default") return undefined;
  const meta = join(folder, "contexts/meta", createHash("sha256").update(context).digest("hex"), "meta.json");
  const host = text(field(field(readJson(meta), "Endpoints"), "docker"), "Host");
  if (host !== undefined) return host;
  throw new RunnerError("NO_ENGINE", `Cannot find Docker's context "${context}": ${meta} does not say where it is`, {
    hint: "`docker context ls` tells which there are; DOCKER_HOST names a socket without one",
  });
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return undefined;
  }
}

function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null
    ? Object.entries(value).find(([key]) => key === name)?.[1]
    : undefined;
}

function text(value: unknown, name: string): string | undefined {
  const found = field(value, name);
  return typeof found === "string" ? found : undefined;
}
