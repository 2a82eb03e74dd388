import { join } from "node:path";
import { mkdirSync } from "node:fs";
import type { ContainerPlan } from "../container-plan.ts";
import type { Container, ContainerInfo, CreateOptions, Engine, EngineImage, EngineInfo } from "../engine.ts";
import { RunnerError } from "../errors.ts";
import { Networks } from "../network/networks.ts";
import { type ContainerRecord, ContainerStore } from "../state/container-store.ts";
import { stateFolder } from "../state/state-folder.ts";
import { makeVolumes } from "../state/volumes.ts";
import { logFolder } from "../supervisor/container-folder.ts";
import { findIn } from "../supervisor/find-container.ts";
import { containerInfo, SupervisedContainer } from "../supervisor/supervised-container.ts";
import type { Workshop } from "../supervisor/supervise.ts";
import type { DriverSettings } from "../supervisor/task.ts";
import { findRuntime } from "./find-runtime.ts";
import { withImageFiles } from "./image-files.ts";
import { treesOf } from "./image-folder.ts";
import { refuseUnsupported } from "./refuse-unsupported.ts";
import { RuncDriver } from "./runc-driver.ts";
import { RuncImages } from "./runc-images.ts";
import { runcInfo } from "./runc-info.ts";

export interface RuncEngineOptions {
  /** The state folder. Default: as `stateFolder`. */
  readonly root?: string | undefined;
  /** The path of runc or crun. Default: as `findRuntime`. */
  readonly runtime?: string | undefined;
}

/** runc or crun, with no daemon: Lading itself unpacks images, mounts, connects and watches. Needs root, on Linux. */
export class RuncEngine implements Engine {
  readonly name = "runc";
  readonly images: RuncImages;
  readonly #store: ContainerStore;
  readonly #driver: RuncDriver;
  readonly #workshop: Workshop;
  readonly #settings: Extract<DriverSettings, { engine: "runc" }>;
  #info: Promise<EngineInfo> | undefined;

  /** Touches nothing yet. Throws RunnerError NO_ENGINE without a runtime, UNSUPPORTED without root. */
  constructor({ root, runtime = findRuntime() }: RuncEngineOptions = {}) {
    if (process.platform !== "linux" || process.getuid?.() !== 0)
      throw new RunnerError("UNSUPPORTED", `Cannot run containers with ${runtime}: that takes root, on Linux`);
    const folder = stateFolder(root);
    this.#store = new ContainerStore(folder);
    this.#settings = { engine: "runc", runtime };
    this.#driver = new RuncDriver(this.#store, this.#settings);
    const networks = new Networks({ root: folder, find: findIn(this.#store) });
    this.#workshop = { store: this.#store, driver: this.#driver, networks };
    this.images = new RuncImages(this.#store);
  }

  async info(): Promise<EngineInfo> {
    // The machine does not change meanwhile.
    this.#info ??= runcInfo(this.#settings.runtime, this.#store.root);
    return await this.#info;
  }

  async create(plan: ContainerPlan, image: EngineImage, { imageName, signal }: CreateOptions): Promise<Container> {
    signal?.throwIfAborted();
    refuseUnsupported(plan, await this.info());
    const { root } = this.#store;
    const record = await this.#store.create(
      { engine: "runc", image: { id: image.id, name: imageName }, plan },
      async (record) => {
        mkdirSync(join(this.#store.folder(record.id), logFolder), { mode: 0o700 });
        await this.#driver.prepare(record);
        const files = join(this.#store.folder(record.id), "image");
        await makeVolumes(root, plan, (work) => withImageFiles(root, image.id, files, work));
      },
    );
    // Who removes images may not have seen a container that had no name yet; one that has is seen.
    if (treesOf(root, image.id).length === 0) {
      await this.#store.remove(record);
      throw new RunnerError("NOT_FOUND", `Cannot create a container of ${imageName}: the image was removed meanwhile`);
    }
    return this.#container(record);
  }

  async get(idOrName: string): Promise<Container> {
    return this.#container(this.#store.find(idOrName));
  }

  async list(): Promise<readonly ContainerInfo[]> {
    return this.#store
      .list()
      .filter(({ engine }) => engine === "runc")
      .map((record) => containerInfo(record, this.#workshop));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // It holds nothing: what runs is watched by its own supervisor.
  }

  #container(record: ContainerRecord): SupervisedContainer {
    return new SupervisedContainer(record, this.#workshop, this.#settings);
  }
}
