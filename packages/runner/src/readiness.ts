import { request } from "node:http";
import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import type { Options } from "@lading/oci";
import type { Container, ContainerInfo } from "./engine.ts";
import { RunnerError } from "./errors.ts";

/**
 * When a container counts as ready: a line of its output matches; somebody listens on a port that is
 * published; it answers HTTP on one, with any status below 400; a command in it ends with 0.
 */
export type Readiness =
  | { readonly log: RegExp | string }
  | { readonly port: number }
  | { readonly http: number; readonly path?: string | undefined }
  | { readonly exec: readonly string[] };

const interval = 50; // milliseconds

/**
 * Resolves when the container is ready. Throws RunnerError STATE when it ends before, with the last
 * lines of its log, or after `timeout` milliseconds.
 */
export async function waitUntilReady(
  container: Container,
  readiness: Readiness,
  { timeout = 60_000, signal }: Options & { readonly timeout?: number | undefined } = {},
): Promise<void> {
  const ended = new AbortController();
  const limit = AbortSignal.any([
    AbortSignal.timeout(timeout),
    ended.signal,
    ...(signal === undefined ? [] : [signal]),
  ]);
  const exit = container.wait({ signal: limit }).then(
    () => ended.abort(),
    () => undefined,
  );
  try {
    await until(container, readiness, limit);
  } catch (cause) {
    signal?.throwIfAborted();
    const why = ended.signal.aborted
      ? "it has ended"
      : limit.aborted
        ? `not after ${timeout} ms`
        : "it cannot be asked";
    throw new RunnerError(
      "STATE",
      `Cannot wait for ${container.name} to be ready: ${why}${await lastLines(container)}`,
      {
        cause,
      },
    );
  } finally {
    ended.abort();
    await exit;
  }
}

async function until(container: Container, readiness: Readiness, signal: AbortSignal): Promise<void> {
  if ("log" in readiness) return await untilLogged(container, readiness.log, signal);
  const check = await checkOf(container, readiness, signal);
  while (!(await check())) await delay(interval, undefined, { signal });
}

async function untilLogged(container: Container, wanted: RegExp | string, signal: AbortSignal): Promise<void> {
  const open = new Map<string, Uint8Array[]>();
  for await (const { stream, text, partial } of container.logs({ follow: true, signal })) {
    const parts = open.get(stream) ?? [];
    parts.push(text);
    open.set(stream, partial ? parts : []);
    const line = Buffer.concat(parts).toString("utf8");
    if (typeof wanted === "string" ? line.includes(wanted) : wanted.test(line)) return;
  }
  throw new Error("Its output ended without the line");
}

async function checkOf(
  container: Container,
  readiness: Exclude<Readiness, { log: unknown }>,
  signal: AbortSignal,
): Promise<() => Promise<boolean>> {
  if ("exec" in readiness)
    return async () => {
      const { exit } = await container.exec({ command: readiness.exec }, { signal });
      return (await exit).code === 0;
    };
  const port = "http" in readiness ? readiness.http : readiness.port;
  const { host, port: published } = publishedPort(await container.info({ signal }), port);
  if ("http" in readiness) return async () => await answers(host, published, readiness.path ?? "/", signal);
  return async () => await listens(host, published, signal);
}

/** Where a port of the container is reached from the host. Throws RunnerError SPEC when it is not published. */
export function publishedPort(
  { name, ports }: Pick<ContainerInfo, "name" | "ports">,
  containerPort: number,
  protocol: "tcp" | "udp" = "tcp",
): { readonly host: string; readonly port: number } {
  const found = ports.find((each) => each.containerPort === containerPort && each.protocol === protocol);
  if (found === undefined)
    throw new RunnerError("SPEC", `Cannot find port ${containerPort}/${protocol} of ${name}: it is not published`, {
      hint: "List it among the ports of the run specification",
    });
  const { hostAddress = "" } = found;
  const host = ["", "0.0.0.0", "::"].includes(hostAddress) ? "127.0.0.1" : hostAddress;
  return { host, port: found.hostPort };
}

async function listens(host: string, port: number, signal: AbortSignal): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connect({ host, port, signal, timeout: 1000 });
    const end = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket
      .once("connect", () => end(true))
      .once("timeout", () => end(false))
      .once("error", () => end(false));
  });
}

async function answers(host: string, port: number, path: string, signal: AbortSignal): Promise<boolean> {
  return await new Promise((resolve) => {
    const call = request({ host, port, path, signal, timeout: 1000, agent: false }, (response) => {
      response.resume();
      resolve((response.statusCode ?? 500) < 400);
    });
    call
      .once("timeout", () => call.destroy())
      .once("error", () => resolve(false))
      .end();
  });
}

async function lastLines(container: Container): Promise<string> {
  try {
    const lines: string[] = [];
    for await (const { text } of container.logs({ tail: 5 })) lines.push(Buffer.from(text).toString("utf8"));
    return lines.length === 0 ? "" : `; its last lines: ${lines.join(" | ")}`;
  } catch {
    return "";
  }
}
