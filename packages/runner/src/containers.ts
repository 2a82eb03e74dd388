import { type EngineChoice, openEngine } from "./choose-engine.ts";
import type { Container, Engine, EngineName } from "./engine.ts";
import { type ContainerRecord, ContainerStore } from "./state/container-store.ts";
import { stateFolder } from "./state/state-folder.ts";

/** The containers of every engine that were made with one state folder; engines are opened when they are needed. */
export class Containers implements AsyncDisposable {
  readonly #store: ContainerStore;
  readonly #options: Omit<EngineChoice, "engine">;
  readonly #engines = new Map<EngineName, Promise<Engine>>();

  constructor(options: Omit<EngineChoice, "engine"> = {}) {
    this.#options = options;
    this.#store = new ContainerStore(stateFolder(options.root, options.env));
  }

  /** What was kept of a container when it was made. Throws RunnerError NOT_FOUND and AMBIGUOUS. */
  record(idOrName: string): ContainerRecord {
    return this.#store.find(idOrName);
  }

  /** All records, the newest first. */
  records(): readonly ContainerRecord[] {
    return this.#store.list();
  }

  /** By ID, a prefix of it that no other has, or name. Throws RunnerError NOT_FOUND, AMBIGUOUS, NO_ENGINE. */
  async get(idOrName: string): Promise<Container> {
    const { engine, id } = this.record(idOrName);
    return await (await this.engine(engine)).get(id, this.#options);
  }

  /** The engine of that name, opened once. Throws RunnerError NO_ENGINE. */
  async engine(name: EngineName): Promise<Engine> {
    let engine = this.#engines.get(name);
    if (engine === undefined) this.#engines.set(name, (engine = openEngine(name, this.#options)));
    return await engine;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const engine of this.#engines.values())
      await engine.then(
        (opened) => opened[Symbol.asyncDispose](),
        () => undefined,
      );
  }
}
