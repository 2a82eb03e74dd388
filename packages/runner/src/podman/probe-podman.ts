import type { EngineProbe } from "../engine.ts";
import { RunnerError } from "../errors.ts";
import { PodmanClient } from "./podman-client.ts";
import type { PodmanOptions } from "./podman-engine.ts";
import { askInfo, knowledge } from "./podman-info.ts";
import { findService, startService } from "./podman-service.ts";

/**
 * For `doctor`: whether and why podman can, or cannot, be used, by each socket that was looked at. A
 * service that it starts is the one that the next command takes, and ends by itself.
 */
export async function probePodman(options: PodmanOptions = {}): Promise<EngineProbe> {
  const findings: string[] = [];
  try {
    if (process.platform !== "linux") return { name: "podman", findings: [`no containers on ${process.platform}`] };
    const found = options.socket === undefined ? await findService(options) : undefined;
    findings.push(...(found?.findings ?? []));
    let socket = options.socket ?? found?.socket;
    if (socket === undefined) {
      socket = await startService(options);
      findings.push(`${socket}: a service was started there, and ends by itself`);
    }
    using client = new PodmanClient(socket);
    const answer = await askInfo(client, options);
    const { info } = knowledge(answer, socket);
    if (info.limits.length === 0)
      findings.push(
        `cannot limit memory, processors or processes: without root that takes cgroup v2, not ${answer.host.cgroupVersion}`,
      );
    if (!info.networks.includes("bridge"))
      findings.push(
        `has no bridge: ${answer.host.networkBackend} is not installed, or nothing that connects it without root`,
      );
    return { name: "podman", info, findings };
  } catch (error) {
    options.signal?.throwIfAborted();
    if (!(error instanceof RunnerError)) throw error;
    return { name: "podman", findings: [...findings, error.message] };
  }
}
