import type { EngineInfo } from "../engine.ts";
import { neededPlugins } from "./bridge-plugins.ts";
import { findPlugin } from "./cni-folders.ts";
import { findProgram } from "./system-program.ts";

/** Which networks `Networks` can make here. */
export interface NetworkSupport {
  readonly networks: EngineInfo["networks"];
  /** Why not others, one line each. */
  readonly findings: readonly string[];
}

/** Looks for what a bridge takes; starts nothing. */
export function networksOf(): NetworkSupport {
  const findings = bridgeFindings();
  return { networks: findings.length === 0 ? ["bridge", "none", "host"] : ["none", "host"], findings };
}

function bridgeFindings(): readonly string[] {
  if (process.getuid?.() !== 0) return ["no bridge network: that takes root"];
  const plugins = neededPlugins.filter((type) => findPlugin(type) === undefined);
  const programs = ["unshare", "nsenter", "ip", "iptables", "iptables-restore"];
  const missing = programs.filter((name) => findProgram(name) === undefined);
  return [
    ...(plugins.length === 0 ? [] : [`no bridge network: the CNI plugins ${plugins.join(", ")} are not installed`]),
    ...(missing.length === 0 ? [] : [`no bridge network: ${missing.join(", ")} is not installed`]),
  ];
}
