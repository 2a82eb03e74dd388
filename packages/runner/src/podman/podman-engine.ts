import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { digestHex, type Options } from "@lading/oci";
import type { ContainerPlan } from "../container-plan.ts";
import type { Container, ContainerInfo, CreateOptions, Engine, EngineImage, EngineInfo } from "../engine.ts";
import { RunnerError } from "../errors.ts";
import { type ContainerRecord, ContainerStore, nameTaken } from "../state/container-store.ts";
import { madeUpName } from "../state/made-up-name.ts";
import { stateFolder } from "../state/state-folder.ts";
import { createAnswer, plainly } from "./answers.ts";
import { addedHosts } from "./host-gateway.ts";
import { checkAnnotations } from "./obeyed-annotations.ts";
import { PodmanClient } from "./podman-client.ts";
import { PodmanContainer } from "./podman-container.ts";
import { PodmanImages } from "./podman-images.ts";
import { type Knowledge, readInfo } from "./podman-info.ts";
import { findService, serve, type ServiceOptions, startService } from "./podman-service.ts";
import { refuseMountsBelow } from "./readonly-binds.ts";
import { specGenerator, specJson } from "./spec-generator.ts";
import { checkSources, joinedNamespaces, seccompFile, takeIds } from "./spec-place.ts";

export interface PodmanOptions extends ServiceOptions {
  /** The state folder. Default: as `stateFolder`. */
  readonly root?: string | undefined;
  /** The socket of a service. Default: one is looked for (`findService`), else started. */
  readonly socket?: string | undefined;
  /** Start a service that nobody else finds and that ends with the engine; `flags` say which store it has. Default: false. */
  readonly ownService?: boolean | undefined;
}

/** A label of every container that Lading made: the state folder that knows it. */
const mark = "io.lading.root";

/** podman, by its REST service (libpod), as root or as another user. */
export class PodmanEngine implements Engine {
  readonly name = "podman";
  readonly images: PodmanImages;
  readonly #client: PodmanClient;
  readonly #store: ContainerStore;
  readonly #close: () => void;
  #knowledge: Promise<Knowledge> | undefined;

  private constructor(client: PodmanClient, store: ContainerStore, close: () => void) {
    this.images = new PodmanImages(client);
    this.#client = client;
    this.#store = store;
    this.#close = close;
  }

  /** Throws RunnerError NO_ENGINE when there is no service and none can be started. */
  static async open(options: PodmanOptions = {}): Promise<PodmanEngine> {
    const store = new ContainerStore(stateFolder(options.root, options.env));
    if (options.ownService === true) return await PodmanEngine.#withOwnService(options, store);
    const connect = async (): Promise<string> =>
      options.socket ?? (await findService(options)).socket ?? (await startService(options));
    return new PodmanEngine(new PodmanClient(await connect(), connect), store, () => undefined);
  }

  static async #withOwnService(options: PodmanOptions, store: ContainerStore): Promise<PodmanEngine> {
    const folder = mkdtempSync(join(tmpdir(), "lading-podman-"));
    const remove = (): void => rmSync(folder, { recursive: true, force: true });
    try {
      const { socket, stop } = await serve(join(folder, "podman.sock"), options);
      return new PodmanEngine(new PodmanClient(socket), store, () => {
        stop();
        remove();
      });
    } catch (error) {
      remove();
      throw error;
    }
  }

  async info(options: Options = {}): Promise<EngineInfo> {
    return (await this.#known(options)).info;
  }

  async create(plan: ContainerPlan, image: EngineImage, options: CreateOptions): Promise<Container> {
    if (plan.name !== undefined) return await this.#create(plan, plan.name, image, options);
    for (let tries = 1; ; tries++)
      try {
        return await this.#create(plan, this.#freeName(), image, options);
      } catch (error) {
        // podman has containers of others as well.
        if (tries === 20 || !(error instanceof RunnerError && error.code === "NAME_TAKEN")) throw error;
      }
  }

  async #create(plan: ContainerPlan, name: string, image: EngineImage, options: CreateOptions): Promise<Container> {
    const { imageName, signal } = options;
    const attempt = `Cannot create "${name}"`;
    await checkSources(plan);
    await this.#freeStaleName(name);
    if (this.#named(name) !== undefined) throw nameTaken(name);
    const { info, defaultCapabilities } = await this.#known({ signal });
    await refuseMountsBelow(plan.mounts);
    // Other runtimes than runc take orders from annotations.
    if (info.runtime.name !== "runc") checkAnnotations(await this.images.annotations(image.id, { signal }));
    using ids = takeIds(this.#store, plan, info.rootless);
    const spec = specGenerator(plan, {
      name,
      image: digestHex(image.id),
      imageName,
      marks: { [mark]: this.#store.root },
      rootless: info.rootless,
      defaultCapabilities,
      imageLabels: image.config.config?.Labels ?? {},
      seccomp: seccompFile(this.#store.root, plan.seccomp),
      ids: ids.maps,
      addHosts: await addedHosts(this.#client, plan, { rootless: info.rootless, signal }),
      joined: await joinedNamespaces(this.#store, plan),
    });
    const body = await this.#client.call("POST", "containers/create", { text: specJson(spec), signal, attempt });
    const { Id, Warnings } = createAnswer.parse(body, plainly);
    try {
      // podman leaves out limits that it cannot enforce, and says so.
      if (Object.values(plan.resources).some((limit) => limit !== undefined) && (Warnings ?? []).length > 0)
        throw new RunnerError("UNSUPPORTED", `${attempt}: ${(Warnings ?? []).join("; ")}`);
      const made = {
        id: Id,
        engine: "podman",
        image: { id: image.id, name: imageName },
        plan: { ...plan, name },
      } as const;
      const record = await this.#store.create(made, () => ids.handOn(Id));
      return new PodmanContainer(record, this.#client, this.#store, { fresh: true });
    } catch (error) {
      await this.#client.call("DELETE", `containers/${Id}`, { attempt });
      throw error;
    }
  }

  async get(idOrName: string, _options: Options = {}): Promise<Container> {
    const record = this.#store.find(idOrName);
    if (record.engine === "podman") return new PodmanContainer(record, this.#client, this.#store);
    throw new RunnerError("NOT_FOUND", `Cannot find container "${idOrName}" in podman: it is one of ${record.engine}`);
  }

  async list(options: Options = {}): Promise<readonly ContainerInfo[]> {
    const records = this.#store.list().filter(({ engine }) => engine === "podman");
    const found = await Promise.all(records.map(async (record) => await this.#infoOf(record, options)));
    return found.flatMap((info) => info ?? []);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client[Symbol.dispose]();
    this.#close();
  }

  /** undefined when podman does not have it: it removed it when it ended, or somebody did, or this is another podman. */
  async #infoOf(record: ContainerRecord, options: Options): Promise<ContainerInfo | undefined> {
    try {
      return await new PodmanContainer(record, this.#client, this.#store).info(options);
    } catch (error) {
      if (!(error instanceof RunnerError && error.code === "NOT_FOUND")) throw error;
      if (record.plan.autoRemove) await this.#store.remove(record);
      return undefined;
    }
  }

  async #known(options: Options): Promise<Knowledge> {
    this.#knowledge ??= readInfo(this.#client, this.#store.root, options);
    try {
      return await this.#knowledge;
    } catch (error) {
      this.#knowledge = undefined;
      throw error;
    }
  }

  #freeName(): string {
    for (;;) {
      const name = madeUpName();
      if (this.#named(name) === undefined) return name;
    }
  }

  /** A name may be that of a container which podman has removed by itself. */
  async #freeStaleName(name: string): Promise<void> {
    const record = this.#named(name);
    if (record?.engine === "podman" && record.plan.autoRemove) await this.#infoOf(record, {});
  }

  #named(name: string): ContainerRecord | undefined {
    try {
      const record = this.#store.find(name);
      return record.name === name ? record : undefined;
    } catch (error) {
      if (error instanceof RunnerError && (error.code === "NOT_FOUND" || error.code === "AMBIGUOUS")) return undefined;
      throw error;
    }
  }
}
