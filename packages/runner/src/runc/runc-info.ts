import type { EngineInfo, EngineProbe } from "../engine.ts";
import { RunnerError } from "../errors.ts";
import { readHost } from "../host/read-host.ts";
import { networksOf } from "../network/support.ts";
import { findRuntime } from "./find-runtime.ts";
import { Runtime } from "./runtime.ts";
import { runtimeVersion } from "./runtime-version.ts";

/** What a runtime can do here, for root. */
export async function runcInfo(path: string, root: string): Promise<EngineInfo> {
  const host = readHost();
  const { name, isCrun } = new Runtime(path, root);
  const version = await runtimeVersion(path, root);
  return {
    name: "runc",
    version,
    runtime: { name, version },
    endpoint: path,
    rootless: false,
    limits: host.limits,
    networks: networksOf().networks,
    userNamespaces: host.userNamespaces === "unavailable" ? ["host"] : ["host", "auto", "mapped"],
    timeNamespaces: host.namespaces.includes("time") && hasTimeNamespaces(isCrun, version),
  };
}

/** For `doctor`: whether and why runc can, or cannot, be used. Changes nothing. */
export async function probeRunc(root: string): Promise<EngineProbe> {
  const findings: string[] = [];
  if (process.platform !== "linux") return { name: "runc", findings: [`no containers on ${process.platform}`] };
  try {
    const path = findRuntime();
    findings.push(`found ${path}`);
    if (process.getuid?.() !== 0)
      return { name: "runc", findings: [...findings, "it takes root, which this user is not"] };
    return { name: "runc", info: await runcInfo(path, root), findings: [...findings, ...networksOf().findings] };
  } catch (error) {
    const text = error instanceof RunnerError ? error.message : String(error);
    return { name: "runc", findings: [...findings, text] };
  }
}

/** runc has them since 1.2, crun since 1.9 (their change logs). */
export function hasTimeNamespaces(isCrun: boolean, version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major > 1 || (major === 1 && minor >= (isCrun ? 9 : 2));
}
