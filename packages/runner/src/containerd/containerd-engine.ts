import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Digest, Options } from "@lading/oci";
import type { ContainerPlan } from "../container-plan.ts";
import type { Container, ContainerInfo, CreateOptions, Engine, EngineImage, EngineInfo } from "../engine.ts";
import { RunnerError } from "../errors.ts";
import { Networks } from "../network/networks.ts";
import { findRuntime } from "../runc/find-runtime.ts";
import { type ContainerRecord, ContainerStore } from "../state/container-store.ts";
import { stateFolder } from "../state/state-folder.ts";
import { makeVolumes } from "../state/volumes.ts";
import { logFolder } from "../supervisor/container-folder.ts";
import { findIn } from "../supervisor/find-container.ts";
import type { Workshop } from "../supervisor/supervise.ts";
import { containerInfo, SupervisedContainer } from "../supervisor/supervised-container.ts";
import type { ContainerdClient } from "./client.ts";
import { ContainerdDriver, type ContainerdSettings } from "./containerd-driver.ts";
import { containerdInfo } from "./containerd-info.ts";
import { withImageFiles } from "./container-snapshot.ts";
import { ContainerdImages } from "./images.ts";
import { containerdSockets, findContainerd, type FoundContainerd } from "./sockets.ts";

export interface ContainerdEngineOptions extends Options {
  /** The state folder. Default: as `stateFolder`. */
  readonly root?: string | undefined;
  /** The path of its socket. Default: the first of `containerdSockets` that it answers on. */
  readonly address?: string | undefined;
  /** Where CONTAINERD_ADDRESS is looked for. Default: this process's environment. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /** Which of its namespaces has the images and containers. Default: `lading`. */
  readonly namespace?: string | undefined;
  /** Default: overlayfs, containerd's own. */
  readonly snapshotter?: string | undefined;
  /** The path of runc or crun. Default: as `findRuntime`. */
  readonly runtime?: string | undefined;
}

/** containerd keeps images and begins programs; networks, logs and restarts are Lading's. Needs root, on Linux. */
export class ContainerdEngine implements Engine {
  readonly name = "containerd";
  readonly images: ContainerdImages;
  readonly #client: ContainerdClient;
  readonly #info: () => Promise<EngineInfo>;
  readonly #driver: ContainerdDriver;
  readonly #store: ContainerStore;
  readonly #workshop: Workshop;
  readonly #settings: ContainerdSettings;

  private constructor(store: ContainerStore, settings: ContainerdSettings, { client, version }: FoundContainerd) {
    const { address, runtime, snapshotter } = settings;
    this.#client = client;
    this.#store = store;
    this.#settings = settings;
    this.#info = lazily(() => containerdInfo({ address, version, runtime, root: store.root }));
    this.#driver = new ContainerdDriver(store, settings, client);
    const networks = new Networks({ root: store.root, find: findIn(store) });
    this.#workshop = { store, driver: this.#driver, networks };
    this.images = new ContainerdImages({ client, snapshotter, users: (id) => this.#users(id) });
  }

  /** Throws RunnerError NO_ENGINE when there is none, and UNSUPPORTED without root. */
  static async open({
    root,
    address,
    env,
    namespace = "lading",
    snapshotter = "overlayfs",
    runtime = findRuntime(),
    signal,
  }: ContainerdEngineOptions = {}): Promise<ContainerdEngine> {
    if (process.platform !== "linux" || process.getuid?.() !== 0)
      throw new RunnerError("UNSUPPORTED", "Cannot run containers with containerd: that takes root, on Linux");
    const found = await findContainerd(address === undefined ? containerdSockets(env) : [address], namespace, {
      signal,
    });
    const settings = { engine: "containerd", address: found.address, namespace, snapshotter, runtime } as const;
    return new ContainerdEngine(new ContainerStore(stateFolder(root, env)), settings, found);
  }

  async info(): Promise<EngineInfo> {
    return await this.#info();
  }

  async create(plan: ContainerPlan, image: EngineImage, options: CreateOptions): Promise<Container> {
    const { imageName, signal } = options;
    refuseUnsupported(plan, await this.#info());
    const { snapshotter } = this.#settings;
    this.#driver.knows(image.id, image.config.rootfs.diff_ids);
    const record = await this.#store.create(
      { engine: "containerd", image: { id: image.id, name: imageName }, plan },
      async ({ id }) => {
        mkdirSync(join(this.#store.folder(id), logFolder), { mode: 0o700 });
        const files = { image: image.id, snapshotter };
        await makeVolumes(this.#store.root, plan, (work) => withImageFiles(this.#client, files, work, { signal }));
      },
    );
    return this.#container(record);
  }

  async get(idOrName: string): Promise<Container> {
    const record = this.#store.find(idOrName);
    if (record.engine !== "containerd")
      throw new RunnerError("NOT_FOUND", `Cannot find container "${idOrName}" in containerd: ${record.engine} runs it`);
    return this.#container(record);
  }

  async list(): Promise<readonly ContainerInfo[]> {
    return this.#records().map((record) => containerInfo(record, this.#workshop));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client[Symbol.asyncDispose]();
  }

  #records(): readonly ContainerRecord[] {
    return this.#store.list().filter(({ engine }) => engine === "containerd");
  }

  async #users(id: Digest): Promise<readonly string[]> {
    return this.#records().flatMap(({ image, name }) => (image.id === id ? [name] : []));
  }

  #container(record: ContainerRecord): SupervisedContainer {
    return new SupervisedContainer(record, this.#workshop, this.#settings);
  }
}

/** What does not change while a process lives is found out once. */
function lazily<T>(find: () => Promise<T>): () => Promise<T> {
  let found: Promise<T> | undefined;
  return () => (found ??= find());
}

/** Throws RunnerError SPEC for a source that is not there, and UNSUPPORTED for what a plan asks and containerd cannot give. */
function refuseUnsupported({ namespaces, mounts }: ContainerPlan, info: EngineInfo): void {
  for (const mount of mounts)
    if (mount.type === "bind" && !existsSync(mount.source))
      throw new RunnerError("SPEC", `Cannot mount "${mount.source}": it is not there`);
  const { user, time } = namespaces;
  if (user === "keep-id" || !info.userNamespaces.includes(typeof user === "string" ? user : "mapped"))
    throw new RunnerError("UNSUPPORTED", "Cannot make a user namespace as asked with containerd");
  if (time === "private" && !info.timeNamespaces)
    throw new RunnerError(
      "UNSUPPORTED",
      `Cannot make a time namespace with ${info.runtime.name} ${info.runtime.version}`,
    );
}
