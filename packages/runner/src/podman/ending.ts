import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { ExitStatus } from "../engine.ts";
import type { ContainerStore } from "../state/container-store.ts";
import { releaseIdMaps } from "../state/id-maps.ts";
import { isAlive } from "../state/process-id.ts";
import { exitStatusOf } from "./container-info.ts";
import type { PodmanCalls } from "./podman-calls.ts";

/** How containers end, and what is kept of that. */
export class Ending {
  readonly #calls: PodmanCalls;
  readonly #store: ContainerStore;

  constructor(calls: PodmanCalls, store: ContainerStore) {
    this.#calls = calls;
    this.#store = store;
  }

  /** Whether the kernel was seen to end it for want of memory, whatever podman says. */
  get oomKilled(): boolean {
    return existsSync(this.#mark);
  }

  noteOomKilled(): void {
    if (this.#store.hasFolder(this.#calls.record.id)) writeFileSync(this.#mark, "");
  }

  /** Waits for the end; looks ten times a second, and more often in the beginning. */
  async wait(signal: AbortSignal | undefined): Promise<ExitStatus> {
    await this.#programEnded(signal);
    const code = await this.#exitCode(signal);
    const { oomKilled } = this;
    const found = await this.#calls.find(signal);
    if (found === undefined) return await this.#gone(code, oomKilled);
    this.#calls.endMonitors();
    return exitStatusOf(found, oomKilled);
  }

  /**
   * The end of a program whose output has ended; when it resolves nothing is left of its sandbox.
   * `removed`: its code, for one that podman removes by itself.
   */
  async afterOutput(removed: Promise<number> | undefined): Promise<ExitStatus> {
    for (let pause = 2; ; pause = Math.min(pause * 2, 100)) {
      const { oomKilled } = this;
      const found = await this.#calls.find();
      if (found === undefined) return await this.#gone((await removed) ?? 0, oomKilled);
      const { Status } = found.State;
      if (Status === "exited") {
        this.#calls.endMonitors();
        return exitStatusOf(found, oomKilled);
      }
      if (Status === "stopped" && this.#calls.record.plan.autoRemove) {
        // podman does that as well, by a process that must begin first.
        await this.#calls.remove(false);
        await this.forget();
        return exitStatusOf(found, oomKilled);
      }
      // It closed its output before it ended, or is being cleaned up after.
      await delay(pause);
    }
  }

  /** Takes away what is kept of a container that podman does not have any more. */
  async forget(): Promise<void> {
    const { record } = this.#calls;
    this.#calls.endMonitors();
    releaseIdMaps(this.#store, record.id);
    await this.#store.remove(record);
  }

  /** Waits for the program that was begun last, as far as it is known: asking the kernel is cheaper than asking podman. */
  async #programEnded(signal: AbortSignal | undefined): Promise<void> {
    const { id, plan } = this.#calls.record;
    // podman forgets how one ended that it removes: who asks only then is too late.
    if (plan.autoRemove) return;
    const { process } = this.#store.state(id);
    for (let pause = 2; isAlive(process); pause = Math.min(pause * 2, 100)) {
      signal?.throwIfAborted();
      await delay(pause, undefined, { signal }).catch(() => undefined);
    }
    signal?.throwIfAborted();
  }

  /** Of a program that has ended just now, or goes on under another number. */
  async #exitCode(signal: AbortSignal | undefined): Promise<number> {
    const soon = AbortSignal.timeout(1000);
    try {
      return await this.#calls.exitCode("10ms", signal === undefined ? soon : AbortSignal.any([soon, signal]));
    } catch (error) {
      signal?.throwIfAborted();
      if (!soon.aborted) throw error;
      return await this.#calls.exitCode("100ms", signal);
    }
  }

  async #gone(code: number, oomKilled: boolean): Promise<ExitStatus> {
    await this.forget();
    return { code, oomKilled, finishedAt: new Date().toISOString() };
  }

  get #mark(): string {
    return join(this.#store.folder(this.#calls.record.id), "oom");
  }
}
