import type { Options } from "@lading/oci";
import { type Container, type ContainerStats, RunnerError } from "@lading/runner";
import type { Engines } from "./engines.ts";
import { cpuPercent, type Usage } from "../show/show-stats.ts";

/** Measures containers again and again: those of `names`, or all that run when that is empty. */
export class ContainerUsage {
  readonly #engines: Engines;
  readonly #names: readonly string[];
  /** By the name or ID that it is watched by. */
  readonly #containers = new Map<string, Container>();
  #before = new Map<string, ContainerStats>();

  constructor(engines: Engines, names: readonly string[]) {
    this.#engines = engines;
    this.#names = names;
  }

  /** What those use that run now; `cpuPercent` is known from the second sample on. */
  async sample(options: Options = {}): Promise<readonly Usage[]> {
    const measured = await Promise.all(
      (await this.#watched(options)).map(async (name) => {
        const container = await this.#container(name);
        const stats = container === undefined ? undefined : await unlessEnded(container.stats(options));
        return container === undefined || stats === undefined ? [] : [{ container, stats }];
      }),
    );
    const before = this.#before;
    this.#before = new Map(measured.flat().map(({ container, stats }) => [container.id, stats]));
    return measured.flat().map(({ container: { id, name }, stats }) => {
      const last = before.get(id);
      return { id, name, cpuPercent: last === undefined ? undefined : cpuPercent(last, stats), stats };
    });
  }

  async #watched(options: Options): Promise<readonly string[]> {
    if (this.#names.length > 0) return this.#names;
    const all = await this.#engines.list(() => undefined, options);
    return all.filter(({ status }) => status === "running").map(({ id }) => id);
  }

  async #container(name: string): Promise<Container | undefined> {
    const known = this.#containers.get(name) ?? (await unlessEnded(this.#engines.container(name)));
    if (known !== undefined) this.#containers.set(name, known);
    return known;
  }
}

/** undefined of what has ended, or is gone. */
async function unlessEnded<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise;
  } catch (error) {
    if (error instanceof RunnerError && (error.code === "STATE" || error.code === "NOT_FOUND")) return undefined;
    throw error;
  }
}
