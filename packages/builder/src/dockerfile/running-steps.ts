import { Limiter } from "@lading/oci";
import type { PackedLayer } from "../pack/pack.ts";

/** The programs of a build while they run: equal ones once, a few at a time. */
export class RunningSteps {
  readonly #slots: Limiter;
  readonly #running = new Map<string, Promise<PackedLayer>>();
  readonly #owners = new Map<string, Limiter>();

  constructor(slots: Limiter) {
    this.#slots = slots;
  }

  /** The layer that the step called `key` makes. `alone` is what no other step may have while it runs. */
  once(key: string, alone: readonly string[], run: () => Promise<PackedLayer>): Promise<PackedLayer> {
    let packed = this.#running.get(key);
    if (packed === undefined) {
      // In one order for all, or two could wait for each other.
      packed = this.#own([...new Set(alone)].toSorted(), async () => await this.#slots.run(run));
      this.#running.set(key, packed);
    }
    return packed;
  }

  async #own<T>([first, ...more]: readonly string[], run: () => Promise<T>): Promise<T> {
    if (first === undefined) return await run();
    let owner = this.#owners.get(first);
    if (owner === undefined) this.#owners.set(first, (owner = new Limiter(1)));
    return await owner.run(async () => await this.#own(more, run));
  }
}
