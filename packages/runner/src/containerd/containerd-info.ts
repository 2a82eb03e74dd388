import type { EngineInfo, EngineProbe } from "../engine.ts";
import { RunnerError } from "../errors.ts";
import { readHost } from "../host/read-host.ts";
import { networksOf } from "../network/support.ts";
import { findRuntime } from "../runc/find-runtime.ts";
import { hasTimeNamespaces } from "../runc/runc-info.ts";
import { Runtime } from "../runc/runtime.ts";
import { runtimeVersion } from "../runc/runtime-version.ts";
import { chooseSnapshotter } from "./snapshotters.ts";
import { containerdSockets, findContainerd } from "./sockets.ts";

export interface ContainerdInfoRequest {
  readonly address: string;
  /** containerd's. */
  readonly version: string;
  /** The path of runc or crun. */
  readonly runtime: string;
  /** The state folder. */
  readonly root: string;
}

/** What a containerd can do here. */
export async function containerdInfo({ address, version, runtime, root }: ContainerdInfoRequest): Promise<EngineInfo> {
  const host = readHost();
  const { name, isCrun } = new Runtime(runtime, root);
  const runtimeIs = await runtimeVersion(runtime, root);
  return {
    name: "containerd",
    version,
    runtime: { name, version: runtimeIs },
    endpoint: address,
    rootless: false,
    limits: host.limits,
    networks: networksOf().networks,
    userNamespaces: host.userNamespaces === "unavailable" ? ["host"] : ["host", "auto", "mapped"],
    timeNamespaces: host.namespaces.includes("time") && hasTimeNamespaces(isCrun, runtimeIs),
  };
}

/** For `doctor`: whether and why containerd can, or cannot, be used. Changes nothing. */
export async function probeContainerd(
  root: string,
  env: Readonly<Record<string, string | undefined>> = process.env,
): Promise<EngineProbe> {
  const findings: string[] = [];
  if (process.platform !== "linux") return { name: "containerd", findings: [`no containers on ${process.platform}`] };
  try {
    const found = await findContainerd(containerdSockets(env), "lading");
    await using client = found.client;
    findings.push(...found.findings, `${found.address} answers`);
    if (process.getuid?.() !== 0)
      return { name: "containerd", findings: [...findings, "it takes root, which this user is not"] };
    findings.push(`snapshotter ${await chooseSnapshotter(client)}`, ...networksOf().findings);
    return { name: "containerd", info: await containerdInfo({ ...found, runtime: findRuntime(), root }), findings };
  } catch (error) {
    return {
      name: "containerd",
      findings: [...findings, error instanceof RunnerError ? error.message : String(error)],
    };
  }
}
