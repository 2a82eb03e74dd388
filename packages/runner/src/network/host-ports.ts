import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { connect, createServer, isIPv6, type Server, type Socket } from "node:net";
import { pipeline } from "node:stream/promises";
import { RunnerError } from "../errors.ts";
import type { PortMapping } from "../run-spec.ts";
import { hasCode } from "../state/system-error.ts";
import { whoListens } from "./listeners.ts";

/** Says which container of ours has a port; undefined when none has. */
export type PortOwner = (port: PortMapping) => string | undefined;

/**
 * Ports of the host that are held for a container by sockets of this process: rules of the kernel
 * (portmap's) lead packets past them, but nobody else can have the port meanwhile, and the kernel
 * can choose one. What comes without being led past, as IPv6 has no rules, is passed on by the
 * socket, for TCP.
 */
export class HostPorts implements AsyncDisposable {
  readonly #held: Held[] = [];

  /** As they were asked for, with the ports that the kernel chose for 0. */
  get mappings(): readonly PortMapping[] {
    return this.#held.map(({ mapping }) => mapping);
  }

  /** Throws RunnerError PORT_TAKEN, SPEC for an address that the host does not have, UNSUPPORTED for UDP over IPv6. */
  static async hold(wanted: readonly PortMapping[], owner: PortOwner): Promise<HostPorts> {
    const ports = new HostPorts();
    try {
      for (const mapping of wanted) ports.#held.push(await hold(mapping, owner));
      return ports;
    } catch (error) {
      await ports[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Where connections that reach a socket are passed on to. */
  passTo(address: string): void {
    for (const held of this.#held) held.passTo(address);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#held.splice(0).map((held) => held.release()));
  }
}

interface Held {
  readonly mapping: PortMapping;
  passTo(address: string): void;
  release(): Promise<void>;
}

async function hold(mapping: PortMapping, owner: PortOwner): Promise<Held> {
  try {
    return await (mapping.protocol === "tcp" ? holdTcp(mapping) : holdUdp(mapping));
  } catch (cause) {
    const place = `${formatAddress(mapping)}/${mapping.protocol}`;
    if (hasCode(cause, "EADDRINUSE")) {
      const container = owner(mapping);
      const who =
        container === undefined ? await whoListens(mapping.protocol, mapping.hostPort) : `container "${container}"`;
      throw new RunnerError("PORT_TAKEN", `Cannot publish ${place}: ${who ?? "somebody else"} has it`, {
        cause,
        hint: "Choose another port of the host, or 0 to have one chosen",
      });
    }
    if (hasCode(cause, "EADDRNOTAVAIL", "ENOTFOUND", "EINVAL"))
      throw new RunnerError("SPEC", `Cannot publish ${place}: this machine does not have that address`, { cause });
    if (hasCode(cause, "EACCES"))
      throw new RunnerError("UNSUPPORTED", `Cannot publish ${place}: ports below 1024 take root`, { cause });
    throw cause;
  }
}

async function holdTcp(mapping: PortMapping): Promise<Held> {
  let target: string | undefined;
  const open = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    if (target === undefined) socket.destroy();
    else pass(socket, connect({ host: target, port: mapping.containerPort, allowHalfOpen: true }), open);
  });
  await listen(server, mapping);
  const address = server.address();
  server.unref();
  return {
    mapping: {
      ...mapping,
      hostPort: typeof address === "object" && address !== null ? address.port : mapping.hostPort,
    },
    passTo: (address) => (target = address),
    async release() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}

function pass(from: Socket, to: Socket, open: Set<Socket>): void {
  for (const socket of [from, to]) {
    open.add(socket);
    socket.unref();
    socket.once("close", () => open.delete(socket));
  }
  // Each end hears of the other's end by its connection's.
  for (const [source, sink] of [
    [from, to],
    [to, from],
  ] as const)
    pipeline(source, sink).catch(() => {
      source.destroy();
      sink.destroy();
    });
}

/** On every address of both families, where the host has IPv6; or on the one that was asked for. */
async function listen(server: Server, { hostAddress, hostPort: port }: PortMapping): Promise<void> {
  if (hostAddress !== undefined) return listening(server, { host: hostAddress, port });
  try {
    await listening(server, { host: "::", port });
  } catch (error) {
    if (!hasCode(error, "EAFNOSUPPORT", "EADDRNOTAVAIL")) throw error;
    await listening(server, { host: "0.0.0.0", port });
  }
}

async function listening(server: Server, place: { readonly host: string; readonly port: number }): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen({ ...place, exclusive: true }, resolve);
  await promise;
  server.off("error", reject);
}

async function holdUdp(mapping: PortMapping): Promise<Held> {
  const { hostAddress = "0.0.0.0", hostPort: port } = mapping;
  if (isIPv6(hostAddress))
    throw new RunnerError("UNSUPPORTED", `Cannot publish ${formatAddress(mapping)}/udp: that takes an address of IPv4`);
  const socket: UdpSocket = createSocket("udp4");
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  socket.once("error", reject);
  socket.bind({ address: hostAddress, port, exclusive: true }, resolve);
  await promise;
  socket.off("error", reject);
  socket.on("error", () => undefined);
  socket.unref();
  return {
    mapping: { ...mapping, hostPort: socket.address().port },
    passTo: () => undefined,
    release: () => new Promise((resolve) => socket.close(() => resolve())),
  };
}

function formatAddress({ hostAddress = "0.0.0.0", hostPort }: PortMapping): string {
  return isIPv6(hostAddress) ? `[${hostAddress}]:${hostPort}` : `${hostAddress}:${hostPort}`;
}
