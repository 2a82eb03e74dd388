import { join } from "node:path";
import type { Options } from "@lading/oci";
import { chooseEngine, type Engine, type EngineName, FactsStore, stateFolder } from "@lading/runner";

/** The engines that images are given to, each opened once, and what is known of the images. */
export class EnginePool implements AsyncDisposable {
  readonly facts: FactsStore = new FactsStore(join(stateFolder(), "facts"));
  readonly #engines = new Map<EngineName, Promise<Engine>>();

  /** Throws RunnerError NO_ENGINE. */
  async open(name: EngineName, { signal }: Options = {}): Promise<Engine> {
    let opening = this.#engines.get(name);
    if (opening === undefined) {
      opening = chooseEngine({ engine: name, signal });
      opening.catch(() => this.#engines.delete(name));
      this.#engines.set(name, opening);
    }
    return await opening;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const opened = [...this.#engines.values()];
    this.#engines.clear();
    for (const engine of opened) await (await engine)[Symbol.asyncDispose]();
  }
}
