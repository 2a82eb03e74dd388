import type { Options } from "@lading/oci";
import type { IdMaps } from "../spec/namespaces.ts";
import type { ContainerRecord } from "../state/container-store.ts";
import type { PortMapping } from "../run-spec.ts";
import type { TaskRequest } from "../supervisor/task.ts";
import { isAttached } from "./attached.ts";
import type { BridgeConnections } from "./bridge-connections.ts";
import { writeContainerFiles } from "./write-container-files.ts";
import { type FindContainer, sharedNamespaces } from "./shared-namespaces.ts";

export interface ConnectRequest {
  readonly record: ContainerRecord;
  /** The container's folder in the state: its files are written to `etc` below it. */
  readonly folder: string;
  readonly hostname: string;
  /** Of its user namespace; undefined: it has none of its own. */
  readonly ids?: IdMaps | undefined;
}

/** A container's place among namespaces and on the network. Disposing of it takes the network away; it never rejects. */
export interface Connection extends AsyncDisposable {
  /**
   * Namespaces that the runtime must not make, for `TaskRequest.joined`. They hold for as many starts
   * as there are until it is disposed of, except those of other containers, which may have restarted.
   */
  readonly joined: TaskRequest["joined"];
  /** For `TaskRequest.files`. */
  readonly files: TaskRequest["files"];
  /** With the ports that the kernel chose. */
  readonly ports: readonly PortMapping[];
  /** IP addresses of the container's own. */
  readonly addresses: readonly string[];
}

export interface NetworksOptions {
  /** The state folder. */
  readonly root: string;
  /** For plans that join namespaces of other containers. */
  readonly find: FindContainer;
}

/**
 * The networks of engines that have none. The process that connects a container is its supervisor:
 * when it dies, the kernel takes the network namespace away, and `cleanUp` the rest.
 */
export class Networks {
  readonly #root: string;
  readonly #find: FindContainer;

  constructor({ root, find }: NetworksOptions) {
    this.#root = root;
    this.#find = find;
  }

  /** Throws RunnerError PORT_TAKEN, STATE, NOT_FOUND, SPEC, UNSUPPORTED and ENGINE; nothing is left then. */
  async connect(request: ConnectRequest, options: Options = {}): Promise<Connection> {
    const { plan } = request.record;
    const { joined, network } = await sharedNamespaces(plan, this.#find, { ...options, ids: request.ids });
    if (plan.namespaces.network === "bridge") return await (await this.#loadBridge()).connect(request, joined, options);
    const files = writeContainerFiles(request, network, undefined);
    return { joined, files, ports: [], addresses: [], [Symbol.asyncDispose]: async () => undefined };
  }

  /** Takes away what a supervisor that died left of a container's network. Does nothing twice, and nothing where there was none. */
  async cleanUp(id: string): Promise<void> {
    if (isAttached(this.#root, id)) await (await this.#loadBridge()).cleanUp(id);
  }

  /** The work of bridges is loaded for who has one: most containers start, and end, sooner without. */
  async #loadBridge(): Promise<BridgeConnections> {
    const { BridgeConnections } = await import("./bridge-connections.ts");
    return new BridgeConnections(this.#root);
  }
}
