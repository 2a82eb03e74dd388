import { join } from "node:path";
import type { Digest, Options } from "@lading/oci";
import { chooseEngine, type Engine, type EngineName, FactsStore, stateFolder } from "@lading/runner";

/** The engines that images are given to, each opened once, and what is known of the images; containerd in the namespace that CONTAINERD_NAMESPACE names, as its own clients have it. */
export class EnginePool implements AsyncDisposable {
  readonly facts: FactsStore = new FactsStore(join(stateFolder(), "facts"));
  /** The images that each engine was given, and has because of that; the last one last. */
  readonly #given = new Map<EngineName, Set<Digest>>();
  #leaving: Promise<void> = Promise.resolve();
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
   * Takes note of an image that an engine was given. Those before it go when their names are gone to this one and no
   * container has them: who builds after every edit would fill the disk. Nobody waits for that but who gives the next
   * image, or disposes of this; what is in use is tried again then.
   */
  async given(engine: Engine, id: Digest, options: Options = {}): Promise<void> {
    await this.#leaving;
    const all = this.#given.get(engine.name) ?? new Set();
    all.delete(id);
    this.#given.set(engine.name, all.add(id));
    this.#leaving = leaveOnly(id, engine, all, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const opened = [...this.#engines.values()];
    this.#engines.clear();
    await this.#leaving;
    for (const opening of opened) {
      const engine = await opening;
      const all = this.#given.get(engine.name) ?? new Set();
      await leaveOnly([...all].at(-1), engine, all);
      await engine[Symbol.asyncDispose]();
    }
  }
}

/** Removes all of these images but one, which have no name and no container; what cannot be removed is left in `ids`. */
async function leaveOnly(
  last: Digest | undefined,
  engine: Engine,
  ids: Set<Digest>,
  options: Options = {},
): Promise<void> {
  for (const id of ids) {
    if (id === last) continue;
    try {
      const left = await engine.images.find(id, options);
      if (left?.names.length === 0) await engine.images.remove(id, options);
      ids.delete(id);
    } catch {
      // Nobody asked for that: whatever came back, the next time tries it again.
      if (options.signal?.aborted === true) return;
    }
  }
}
