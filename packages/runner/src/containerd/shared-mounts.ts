import type { HeldMounts } from "./held-mounts.ts";

/** Mounts that several may use at once in this process. */
export class SharedMounts {
  readonly #held = new Map<string, { users: number; readonly mounts: Promise<HeldMounts> }>();

  /** @param mount - Called for the first of those who use the mounts of this name at the same time. */
  async use<T>(name: string, mount: () => Promise<HeldMounts>, work: (root: string) => Promise<T>): Promise<T> {
    const held = this.#held.get(name) ?? { users: 0, mounts: mount() };
    this.#held.set(name, held);
    held.users++;
    try {
      return await work((await held.mounts).root);
    } finally {
      if (--held.users === 0) {
        this.#held.delete(name);
        await (await held.mounts.catch(() => undefined))?.[Symbol.asyncDispose]();
      }
    }
  }
}
