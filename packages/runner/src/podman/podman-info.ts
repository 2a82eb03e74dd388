import { createHash } from "node:crypto";
import { existsSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { makeFolder, type Options } from "@lading/oci";
import * as z from "zod";
import type { EngineInfo } from "../engine.ts";
import { readJson, replaceJson } from "../state/json-file.ts";
import { RunnerError } from "../errors.ts";
import { type InfoAnswer, infoAnswer, plainly } from "./answers.ts";
import type { PodmanClient } from "./podman-client.ts";

/** What podman is here, as far as plans depend on it. */
export interface Knowledge {
  readonly info: EngineInfo;
  /** What containers.conf gives to every container. */
  readonly defaultCapabilities: readonly string[];
}

const fresh = 10 * 60_000; // milliseconds

/**
 * Asks podman, which takes it a fifth of a second: so the answer is kept below `root` for ten minutes,
 * for as long as the same socket is there. What is made of an old one is held against its plan.
 */

export async function readInfo(client: PodmanClient, root: string, options: Options = {}): Promise<Knowledge> {
  const { socket } = client;
  const file = join(root, "podman", `${createHash("sha256").update(socket).digest("hex").slice(0, 16)}.json`);
  const known = keptAnswer.safeParse(readJson(file), plainly);
  if (known.success && known.data.socket === identityOf(socket) && Math.abs(Date.now() - known.data.at) < fresh)
    return knowledge(known.data.info, socket);
  const info = await askInfo(client, options);
  makeFolder(dirname(file), 0o700);
  replaceJson(file, { at: Date.now(), socket: identityOf(socket), info });
  return knowledge(info, socket);
}

/** Throws RunnerError NO_ENGINE for a podman that has no runtime. */
export async function askInfo(client: PodmanClient, { signal }: Options = {}): Promise<InfoAnswer> {
  const body = await client.call("GET", "info", { signal, attempt: "Cannot ask podman what it is" });
  const answer = infoAnswer.parse(body, plainly);
  if (answer.host.ociRuntime !== null && answer.host.ociRuntime !== undefined) return answer;
  throw new RunnerError("NO_ENGINE", `Cannot use podman at ${client.socket}: it finds no runtime`, {
    hint: "Install runc or crun: your distribution packages them",
  });
}

const keptAnswer = z.object({ at: z.number(), socket: z.string(), info: infoAnswer });

/** What another service's socket at the same place does not have. */
function identityOf(socket: string): string {
  try {
    const { ino, ctimeMs } = statSync(socket);
    return `${socket}:${ino}:${ctimeMs}`;
  } catch {
    return "";
  }
}

/** `podman info`, in the words of engines. */
export function knowledge({ host, version }: InfoAnswer, socket: string): Knowledge {
  const { rootless } = host.security;
  const controllers = host.cgroupControllers ?? [];
  const enforced = rootless && host.cgroupVersion !== "v2" ? [] : (["memory", "cpu", "cpuset", "pids"] as const);
  return {
    info: {
      name: "podman",
      version: version.Version,
      runtime: {
        name: host.ociRuntime?.name ?? "",
        version: /\d+\.\d+[\w.+-]*/.exec(host.ociRuntime?.version ?? "")?.[0] ?? "",
      },
      endpoint: `unix://${socket}`,
      rootless,
      limits: enforced.filter((limit) => controllers.includes(limit)),
      networks: hasBridge(host) ? ["none", "bridge", "host"] : ["none", "host"],
      userNamespaces: rootless ? ["host", "auto", "keep-id", "mapped"] : ["host", "auto", "mapped"],
      timeNamespaces: false,
    },
    defaultCapabilities: host.security.capabilities.split(",").filter((name) => name !== ""),
  };
}

const backends: Readonly<Record<string, readonly string[]>> = {
  netavark: [
    "/usr/lib/podman",
    "/usr/libexec/podman",
    "/usr/local/lib/podman",
    "/usr/local/libexec/podman",
    "/usr/bin",
  ].map((folder) => `${folder}/netavark`),
  cni: ["/usr/lib/cni", "/opt/cni/bin", "/usr/libexec/cni", "/usr/local/lib/cni"].map((folder) => `${folder}/bridge`),
};

/** podman names a backend whether it is installed or not. */
function hasBridge({ networkBackend, security, slirp4netns, pasta }: InfoAnswer["host"]): boolean {
  const installed = (backends[networkBackend] ?? []).some((path) => existsSync(path));
  const leaves = !security.rootless || [slirp4netns, pasta].some((program) => (program?.executable ?? "") !== "");
  return installed && leaves;
}
