import type { Options } from "@lading/oci";
import { RunnerError } from "../errors.ts";
import { ContainerdClient } from "./client.ts";
import { GrpcError } from "./grpc.ts";

/** Where a containerd may listen, the most likely first; CONTAINERD_ADDRESS alone when it is set. */
export function containerdSockets(env: Readonly<Record<string, string | undefined>> = process.env): readonly string[] {
  const named = env["CONTAINERD_ADDRESS"];
  if (named !== undefined && named !== "") return [named.replace(/^unix:\/\//, "")];
  return [
    "/run/containerd/containerd.sock",
    "/run/k3s/containerd/containerd.sock",
    "/var/snap/microk8s/common/run/containerd.sock",
  ];
}

/** A containerd that answers. */
export interface FoundContainerd {
  readonly client: ContainerdClient;
  /** The path of its socket. */
  readonly address: string;
  readonly version: string;
  /** Why others were passed over, one line each. */
  readonly findings: readonly string[];
}

/** Connects to the first that answers. Throws RunnerError NO_ENGINE, whose causes say why each is none. */
export async function findContainerd(
  addresses: readonly string[],
  namespace: string,
  options: Options = {},
): Promise<FoundContainerd> {
  const findings: string[] = [];
  for (const address of addresses) {
    const client = ContainerdClient.at(address, namespace);
    try {
      const { version } = await client.version.version({}, within(answerTime, options));
      return { client, address, version: version.replace(/^v/, ""), findings };
    } catch (error) {
      await client[Symbol.asyncDispose]();
      options.signal?.throwIfAborted();
      findings.push(`${address}: ${explain(error)}`);
    }
  }
  throw new RunnerError("NO_ENGINE", `Cannot reach containerd: ${findings.join("; ")}`, {
    hint: "Start containerd, or name its socket with CONTAINERD_ADDRESS",
  });
}

const answerTime = 2000; // milliseconds

function within(time: number, { signal }: Options): AbortSignal {
  const timeout = AbortSignal.timeout(time);
  return signal === undefined ? timeout : AbortSignal.any([signal, timeout]);
}

const explanations: Readonly<Record<string, string>> = {
  ENOENT: "there is no such socket",
  ECONNREFUSED: "nobody listens there",
  EACCES: "this user may not connect",
};

function explain(error: unknown): string {
  if (!(error instanceof GrpcError)) return `no answer within ${answerTime} ms`;
  const { cause, detail } = error;
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  return explanations[code] ?? detail;
}
