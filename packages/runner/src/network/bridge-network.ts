import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { RunnerError } from "../errors.ts";
import type { PortMapping } from "../run-spec.ts";
import { readJson, replaceJson } from "../state/json-file.ts";
import { hasCode } from "../state/system-error.ts";
import { type Bridge, bridgeDocument, bridgeOf, gatewayOf } from "./bridge.ts";
import { bridgePlugins } from "./bridge-plugins.ts";
import { addBridgeRules, hasBridgeRules, removeBridgeRules } from "./bridge-rules.ts";
import { runPlugin } from "./cni-plugin.ts";
import { whileLocked } from "./lock.ts";
import { runProgram } from "./system-program.ts";

/*
 * Below the state folder:
 *
 *   network.json         the bridge and its addresses, chosen once
 *   network/attached/ID  who is behind it, and what a DEL needs: written before the ADD
 *   network/ipam/        the addresses in use, as the plugin host-local keeps them
 *   network/lock         held for moments: nobody joins a bridge while its last one takes it away
 *
 * A DEL is made without the namespace, which is gone by then or goes with all that is in it. So it
 * is the same whether a container ended, its supervisor was killed, or the machine was.
 */

/** A container's place on the bridge. */
export interface Attachment {
  readonly address: string;
  /** The host's address, as those on the bridge see it. */
  readonly gateway: string;
}

export interface AttachRequest {
  readonly id: string;
  readonly name: string;
  /** The network namespace's file, which may be in the making. */
  readonly netns: Promise<string>;
  /** With ports of the host that are chosen and held. */
  readonly ports: readonly PortMapping[];
}

const attachedDocument = z.object({
  id: z.string(),
  name: z.string(),
  network: bridgeDocument,
  ports: z.array(
    z.object({
      hostAddress: z.string().optional(),
      hostPort: z.number(),
      containerPort: z.number(),
      protocol: z.enum(["tcp", "udp"]),
    }),
  ),
  /** What the last plugin answered that was added. */
  result: z.unknown(),
});
type Attached = z.infer<typeof attachedDocument>;

const resultDocument = z.object({ ips: z.tuple([z.object({ address: z.string() })], z.unknown()) });

/** The bridge of a state folder, made with the first container on it and gone with the last. */
export class BridgeNetwork {
  readonly #root: string;

  /** @param root - The state folder. */
  constructor(root: string) {
    this.#root = root;
  }

  /** Throws RunnerError UNSUPPORTED for what is not installed, ENGINE for what fails; nothing is left then. */
  async attach({ id, name, netns, ports }: AttachRequest): Promise<Attachment> {
    // Told below, when whoever waits for it is at hand.
    netns.catch(() => undefined);
    const attached = await this.#join({ id, name, ports: [...ports], result: undefined });
    try {
      const [address] = await allDone([this.#add(attached, netns), this.#ensureRules(attached.network)]);
      return { address, gateway: gatewayOf(attached.network) };
    } catch (error) {
      // What fails here as well is told by the next `detach`.
      await this.detach(id).catch(() => undefined);
      throw error;
    }
  }

  /** Does nothing for who is not attached. Throws RunnerError ENGINE; it can be tried again then. */
  async detach(id: string): Promise<void> {
    const attached = attachedDocument.safeParse(readJson(this.#file(id))).data;
    if (attached === undefined) return;
    const { network } = attached;
    // One that is alone goes together with the bridge: the kernel takes its time for each.
    const isAlone = this.#others(id).length === 0;
    if (!isAlone) await this.#delete(attached);
    await whileLocked(this.#path("lock"), async () => {
      const isLast = this.#others(id).length === 0;
      await allDone([
        isAlone && this.#delete(attached),
        isLast && removeBridgeRules(network),
        isLast && removeInterface(network.bridge),
      ]);
      rmSync(this.#file(id), { force: true });
    });
  }

  /** Who is on the bridge with a port of the host that is this one, or one of the addresses of this one. */
  holderOf(port: PortMapping): { readonly id: string; readonly name: string } | undefined {
    return this.#ids()
      .map((id) => attachedDocument.safeParse(readJson(this.#file(id))).data)
      .find((other) => other?.ports.some((held) => isSamePort(held, port)));
  }

  /** From here on the bridge stays until the container is detached. */
  async #join(request: Omit<Attached, "network">): Promise<Attached> {
    mkdirSync(this.#path("attached"), { recursive: true, mode: 0o700 });
    return whileLocked(this.#path("lock"), () => {
      const attached = { ...request, network: bridgeOf(this.#root, this.#ids().length > 0) };
      replaceJson(this.#file(request.id), attached);
      return attached;
    });
  }

  /** They may be gone although the bridge is there: firewalls that start anew drop what they do not know. */
  async #ensureRules(network: Bridge): Promise<void> {
    if (!(await hasBridgeRules(network))) await whileLocked(this.#path("lock"), () => addBridgeRules(network));
  }

  /** Resolves to the container's address. */
  async #add(attached: Attached, made: Promise<string>): Promise<string> {
    const { id, network } = attached;
    const netns = await made;
    let result: unknown;
    for (const plugin of this.#plugins(attached)) {
      result = await runPlugin(plugin, {
        command: "ADD",
        network: network.name,
        containerId: id,
        netns,
        previous: result,
      });
      replaceJson(this.#file(id), { ...attached, result });
    }
    const parsed = resultDocument.safeParse(result);
    if (!parsed.success)
      throw new RunnerError("ENGINE", 'Cannot connect the container: CNI plugin "bridge" gave it no address', {
        cause: parsed.error,
      });
    return parsed.data.ips[0].address.replace(/\/.*/, "");
  }

  async #delete(attached: Attached): Promise<void> {
    const { id, network, result } = attached;
    for (const plugin of this.#plugins(attached).toReversed())
      await runPlugin(plugin, {
        command: "DEL",
        network: network.name,
        containerId: id,
        netns: undefined,
        previous: result,
      });
  }

  #plugins({ network, ports }: Attached): ReturnType<typeof bridgePlugins> {
    return bridgePlugins(network, ports, this.#path("ipam"));
  }

  #ids(): readonly string[] {
    try {
      // Others are about to be renamed.
      return readdirSync(this.#path("attached")).filter((name) => !name.includes("."));
    } catch (error) {
      if (hasCode(error, "ENOENT")) return [];
      throw error;
    }
  }

  #others(id: string): readonly string[] {
    return this.#ids().filter((other) => other !== id);
  }

  #file(id: string): string {
    return join(this.#path("attached"), id);
  }

  #path(name: string): string {
    return join(this.#root, "network", name);
  }
}

function isSamePort(a: PortMapping, b: PortMapping): boolean {
  const addresses = [a, b].map(({ hostAddress = "0.0.0.0" }) => hostAddress);
  return (
    a.hostPort === b.hostPort &&
    a.protocol === b.protocol &&
    (addresses[0] === addresses[1] || addresses.some((address) => address === "0.0.0.0" || address === "::"))
  );
}

async function removeInterface(name: string): Promise<void> {
  const { code, stderr } = await runProgram("ip", ["link", "delete", name]);
  if (code !== 0 && !stderr.includes("Cannot find device"))
    throw new RunnerError("ENGINE", `Cannot take away the bridge "${name}": ${stderr.trim()}`);
}

/** As Promise.all, but when one fails, only when the others have ended too: so that nothing is at work on what is undone next. */
async function allDone<const T extends readonly unknown[]>(work: T): Promise<{ [K in keyof T]: Awaited<T[K]> }> {
  await Promise.allSettled(work);
  return Promise.all(work);
}
