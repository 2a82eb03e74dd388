import { Socket as Datagrams } from "node:dgram";
import { isIP, Socket } from "node:net";
import { UsageError } from "./usage.ts";

/*
 * `--offline`: no connection is made, on any command. Whoever is about to open one asks here before,
 * and so can say what it was for. What did not ask, such as a description's own code, fails where
 * connections begin.
 */

let offline = false;
/** Addresses of containers whose published ports this process serves. */
const containers = new Set<string>();

/**
 * From here on nothing in this process gets a connection, but to sockets of this machine's files,
 * which engines have, and to the addresses of `allowContainer`.
 */
export function goOffline(): void {
  if (offline) return;
  offline = true;
  replace(Socket.prototype, "connect", (connect) => {
    return function connectHere(this: Socket, ...args: unknown[]): unknown {
      if (isFile(args[0]) || isContainer(args[0])) return Reflect.apply(connect, this, args);
      // Where a refused connection is told of.
      return this.destroy(offlineError("connect to anything"));
    };
  });
  for (const method of ["connect", "send"])
    replace(Datagrams.prototype, method, () => () => {
      throw offlineError("send to anybody");
    });
}

/**
 * Those who come to a container's published ports are led on by the process that runs it: to an
 * address that this machine gave the container.
 */
export function allowContainer(address: string): void {
  containers.add(address);
}

function replace(prototype: object, method: string, by: (own: Function) => Function): void {
  const property = Object.getOwnPropertyDescriptor(prototype, method);
  const own: unknown = property?.value;
  if (typeof own !== "function") throw new TypeError("Sockets of this Node connect in another way");
  Object.defineProperty(prototype, method, { ...property, value: by(own) });
}

/** Whether `--offline` was given. */
export function isOffline(): boolean {
  return offline;
}

/** Throws UsageError with --offline. `attempt` is what a connection is needed for: "ask ghcr.io". */
export function needsNetwork(attempt: string): void {
  if (offline) throw offlineError(attempt);
}

/** What is said of a connection that must not be. */
export function offlineError(attempt: string): UsageError {
  return new UsageError(`Cannot ${attempt} with --offline`, {
    hint: "Name what is on this machine: oci:DIR, oci-archive:FILE, a bundle; or leave --offline out",
  });
}

// What `connect` takes: a path, a port, options, or (of net.connect) options in a list.
function isFile(target: unknown): boolean {
  if (typeof target === "string") return !/^\d+$/.test(target);
  const options: unknown = Array.isArray(target) ? target[0] : target;
  return typeof options === "object" && options !== null && "path" in options && Boolean(options.path);
}

function isContainer(target: unknown): boolean {
  const options: unknown = Array.isArray(target) ? target[0] : target;
  if (typeof options !== "object" || options === null || !("host" in options)) return false;
  return typeof options.host === "string" && isIP(options.host) !== 0 && containers.has(options.host);
}
