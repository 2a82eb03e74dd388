import { Socket } from "node:net";
import { UsageError } from "./usage.ts";

/*
 * `--offline`: no connection is made, on any command. Whoever is about to open one asks here before,
 * and so can say what it was for. What did not ask, such as a description's own code, fails where
 * connections begin.
 */

let offline = false;

/**
 * From here on nothing in this process gets a connection that asks before. When `guarded`, nothing
 * does at all, but to sockets of this machine's files, which engines have.
 */
export function goOffline({ guarded }: { readonly guarded: boolean }): void {
  offline = true;
  if (!guarded) return;
  const connect = Object.getOwnPropertyDescriptor(Socket.prototype, "connect");
  const begin: unknown = connect?.value;
  if (typeof begin !== "function") throw new TypeError("Sockets of this Node connect in another way");
  Object.defineProperty(Socket.prototype, "connect", {
    ...connect,
    value: function refuse(this: Socket, ...args: unknown[]): unknown {
      if (!isFile(args[0])) throw offlineError("connect to anything");
      return Reflect.apply(begin, this, args);
    },
  });
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
