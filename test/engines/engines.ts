import { chmod } from "node:fs/promises";
import { join } from "node:path";
import type { EngineName } from "@lading/runner";
import { type EngineUnderTest, temporaryFolder } from "@lading/testkit";
import { installed, isRoot } from "../interop/command.ts";
import { startContainerd } from "../interop/containerd.ts";
import { startPodman } from "../interop/podman.ts";
import { type EngineSettings, openEngine } from "./open-engine.ts";

/** An engine as the tests start it: with stores, sockets and state of its own, below a folder that goes. */
export interface EngineFixture {
  readonly name: EngineName;
  /** Whether what it takes is here; in strict mode it must be. */
  readonly isHere: boolean;
  readonly start: () => Promise<EngineUnderTest>;
}

const network = ["iptables", "ip"];

export const runc: EngineFixture = {
  name: "runc",
  isHere: isRoot && installed("runc", "cni/bridge", "catatonit", "busybox", ...network),
  // Overlays are mounted by options with commas and colons in them.
  start: () => underTest((root) => ({ name: "runc", root: join(root, 'an "odd": place, \\here') })),
};

export const podman: EngineFixture = {
  name: "podman",
  isHere: isRoot
    ? installed("podman", "runc", "conmon", "catatonit", "podman/netavark", "busybox", ...network)
    : installed("podman", "conmon", "newuidmap", "slirp4netns", "busybox"),
  async start() {
    const service = await startPodman();
    const { socket, [Symbol.asyncDispose]: stop } = await service.serve();
    return underTest(
      (root) => ({ name: "podman", root, socket }),
      async () => {
        await stop();
        await service[Symbol.asyncDispose]();
      },
    );
  },
};

export const containerd: EngineFixture = {
  name: "containerd",
  isHere: isRoot && installed("containerd", "ctr", "runc", "cni/bridge", "catatonit", "busybox", ...network),
  async start() {
    const daemon = await startContainerd();
    return underTest(
      (root) => ({ name: "containerd", root, address: daemon.socket }),
      async () => await daemon[Symbol.asyncDispose](),
    );
  },
};

/** Those that are here. */
export const engines: readonly EngineFixture[] = [runc, podman, containerd].filter(({ isHere }) => isHere);

async function underTest(
  settingsAt: (root: string) => EngineSettings,
  stop: () => Promise<void> = async () => {},
): Promise<EngineUnderTest> {
  const state = await temporaryFolder();
  // Users who are mapped pass through it, as through /var/lib.
  await chmod(state.path, 0o711);
  const settings = settingsAt(join(state.path, "state"));
  const engine = await openEngine(settings);
  return {
    engine,
    elsewhere: { module: new URL("open-engine.ts", import.meta.url).href, settings },
    async [Symbol.asyncDispose]() {
      await engine[Symbol.asyncDispose]();
      await stop();
      await state[Symbol.asyncDispose]();
    },
  };
}
