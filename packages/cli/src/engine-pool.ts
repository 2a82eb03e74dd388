import { join } from "node:path";
import type { Digest, Options } from "@lading/oci";
import { chooseEngine, type Engine, type EngineName, FactsStore, RunnerError, stateFolder } from "@lading/runner";

/** The engines that images are given to, each opened once, and what is known of the images; containerd in the namespace that CONTAINERD_NAMESPACE names, as its own clients have it. */
export class EnginePool implements AsyncDisposable {
  readonly facts: FactsStore = new FactsStore(join(stateFolder(), "facts"));
  /** The image that each engine was given last. */
  readonly #given = new Map<EngineName, Digest>();
  readonly #engines = new Map<EngineName, Promise<Engine>>();

  /** Throws RunnerError NO_ENGINE. */
  async open(name: EngineName, { signal }: Options = {}): Promise<Engine> {
    let opening = this.#engines.get(name);
    if (opening === undefined) {
      const { CONTAINERD_NAMESPACE: namespace = "" } = process.env;
      opening = chooseEngine({ engine: name, signal, ...(namespace === "" ? {} : { namespace }) });
      opening.catch(() => this.#engines.delete(name));
      this.#engines.set(name, opening);
    }
    return await opening;
  }

  /**
   * Takes note of an image that an engine was given. The one before it goes when its names are gone to this one and no
   * container has it: who builds after every edit would fill the disk.
   */
  async given(engine: Engine, id: Digest, options: Options = {}): Promise<void> {
    const before = this.#given.get(engine.name);
    this.#given.set(engine.name, id);
    if (before === undefined || before === id) return;
    try {
      const left = await engine.images.find(before, options);
      if (left?.names.length === 0) await engine.images.remove(before, options);
    } catch (error) {
      if (!(error instanceof RunnerError)) throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const opened = [...this.#engines.values()];
    this.#engines.clear();
    for (const engine of opened) await (await engine)[Symbol.asyncDispose]();
  }
}
