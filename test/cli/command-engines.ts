import { installed, isRoot } from "../interop/command.ts";
import { startContainerd } from "../interop/containerd.ts";
import { startPodman } from "../interop/podman.ts";

/** An engine as the command finds it: by its environment. */
export interface CommandEngine {
  readonly name: string;
  /** Whether what it takes is here; in strict mode it must be. */
  readonly isHere: boolean;
  readonly start: () => Promise<{ readonly env: Readonly<Record<string, string>> } & AsyncDisposable>;
}

const runc: CommandEngine = {
  name: "runc",
  isHere: isRoot && installed("runc", "busybox"),
  start: () => Promise.resolve({ env: { LADING_ENGINE: "runc" }, [Symbol.asyncDispose]: () => Promise.resolve() }),
};

const podman: CommandEngine = {
  name: "podman",
  isHere: isRoot && installed("podman", "conmon", "runc", "busybox"),
  async start() {
    const podman = await startPodman();
    const service = await podman.serve();
    return {
      env: { LADING_ENGINE: "podman", CONTAINER_HOST: `unix://${service.socket}` },
      async [Symbol.asyncDispose]() {
        await service[Symbol.asyncDispose]();
        await podman[Symbol.asyncDispose]();
      },
    };
  },
};

const containerd: CommandEngine = {
  name: "containerd",
  isHere: isRoot && installed("containerd", "runc", "busybox"),
  async start() {
    const daemon = await startContainerd();
    return {
      env: { LADING_ENGINE: "containerd", CONTAINERD_ADDRESS: daemon.socket },
      [Symbol.asyncDispose]: async () => await daemon[Symbol.asyncDispose](),
    };
  },
};

/** Those that are here. */
export const commandEngines: readonly CommandEngine[] = [runc, podman, containerd].filter(({ isHere }) => isHere);
