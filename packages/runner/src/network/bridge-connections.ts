import type { Options } from "@lading/oci";
import { BridgeNetwork } from "./bridge-network.ts";
import { HostPorts } from "./host-ports.ts";
import { NetworkNamespace } from "./network-namespace.ts";
import type { Connection, ConnectRequest } from "./networks.ts";
import { writeContainerFiles } from "./write-container-files.ts";

/** Containers with an address behind the host's, on the bridge of a state folder. */
export class BridgeConnections {
  readonly #bridge: BridgeNetwork;

  /** @param root - The state folder. */
  constructor(root: string) {
    this.#bridge = new BridgeNetwork(root);
  }

  /** As `Networks.cleanUp`. */
  async cleanUp(id: string): Promise<void> {
    await this.#bridge.detach(id);
  }

  /** As `Networks.connect`. */
  async connect(request: ConnectRequest, joined: Connection["joined"], { signal }: Options): Promise<Connection> {
    const { record, ids } = request;
    const { id, name, plan } = record;
    await this.#bridge.detach(id);
    const ports = await HostPorts.hold(plan.ports, (port) => this.#bridge.holderOf(port)?.name);
    // Now that they are held here: whoever had them has no supervisor any more that would hold them.
    for (const port of ports.mappings) await this.cleanUp(this.#bridge.holderOf(port)?.id ?? id);
    const making = NetworkNamespace.create(ids);
    const disconnect = async (): Promise<void> => {
      // With the namespace its interface goes; what a DEL cannot do now, the next `cleanUp` does.
      await making.then(
        (namespace) => namespace[Symbol.dispose](),
        () => undefined,
      );
      await this.#bridge.detach(id).catch(() => undefined);
      // Until here nobody else can have them, so that no rules but theirs lead there.
      await ports[Symbol.asyncDispose]();
    };
    try {
      const netns = making.then(({ network }) => network);
      const { address, gateway } = await this.#bridge.attach({ id, name, netns, ports: ports.mappings });
      const namespace = await making;
      ports.passTo(address);
      const files = writeContainerFiles(request, undefined, { address, gateway });
      signal?.throwIfAborted();
      return {
        joined: {
          ...joined,
          net: namespace.network,
          ...(namespace.user === undefined ? {} : { user: namespace.user }),
        },
        files,
        ports: ports.mappings,
        addresses: [address],
        [Symbol.asyncDispose]: disconnect,
      };
    } catch (error) {
      await disconnect();
      throw error;
    }
  }
}
