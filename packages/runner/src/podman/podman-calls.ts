import { setTimeout as delay } from "node:timers/promises";
import * as z from "zod";
import { RunnerError } from "../errors.ts";
import type { ContainerRecord } from "../state/container-store.ts";
import { type ContainerAnswer, containerAnswer, plainly } from "./answers.ts";
import { endExecMonitors } from "./exec-monitors.ts";
import type { Hijacked, PodmanClient } from "./podman-client.ts";

type Query = Readonly<Record<string, string | number | boolean>>;
type Signal = AbortSignal | undefined;

/** What podman is asked about one container. */
export class PodmanCalls {
  readonly client: PodmanClient;
  readonly record: ContainerRecord;
  /** Whether programs ran beside its own. */
  #hadOthers = false;

  constructor(client: PodmanClient, record: ContainerRecord) {
    this.client = client;
    this.record = record;
  }

  /** Throws RunnerError NOT_FOUND when podman does not have it any more. */
  async inspect(signal?: Signal): Promise<ContainerAnswer> {
    const body = await this.client.call("GET", this.#path("json"), {
      signal,
      attempt: `Cannot find "${this.record.name}"`,
    });
    const found = containerAnswer.parse(body, plainly);
    this.#hadOthers ||= (found.ExecIDs ?? []).length > 0;
    return found;
  }

  /** undefined when podman does not have it any more. */
  async find(signal?: Signal): Promise<ContainerAnswer | undefined> {
    try {
      return await this.inspect(signal);
    } catch (error) {
      if (error instanceof RunnerError && error.code === "NOT_FOUND") return undefined;
      throw error;
    }
  }

  async post(what: string, attempt: string, signal: Signal, query: Query = {}): Promise<void> {
    await this.client.call("POST", this.#path(what), { query, signal, attempt });
  }

  /** Makes it ready to begin, when it is not, and connects to the streams of its program. */
  async attach(attempt: string, signal: Signal): Promise<Hijacked> {
    const query = { stream: true, stdin: this.record.plan.interactive, stdout: true, stderr: true };
    return await this.client.hijack(this.#path("attach"), { query, signal, attempt });
  }

  /** Waits for its end; podman knows the code for a while when it has removed the container already. */
  async exitCode(interval: string, signal: Signal): Promise<number> {
    const attempt = `Cannot wait for "${this.record.name}"`;
    const body = await this.client.call("POST", this.#path("wait"), { query: { interval }, signal, attempt });
    return z.number().parse(body);
  }

  /** Shows the files of one that does not run; resolves to the folder. */
  async mount(attempt: string, signal: Signal): Promise<string> {
    return await this.client.text("POST", this.#path("mount"), { signal, attempt });
  }

  /** False when podman did not have it any more: some it removes by itself, when they end. */
  async remove(force: boolean, signal?: Signal): Promise<boolean> {
    const query = { force, ...(force ? { timeout: 0 } : {}) };
    const attempt = `Cannot remove "${this.record.name}"`;
    for (let tries = 1; ; tries++)
      try {
        await this.client.call("DELETE", this.#path(), { query, signal, attempt });
        return true;
      } catch (error) {
        if (!(error instanceof RunnerError)) throw error;
        if (error.code === "NOT_FOUND") return false;
        // podman's own process that cleans up after a container is at it as well.
        if (tries === 5 || !/device or resource busy|as it could not be stopped/.test(error.message)) throw error;
        await delay(50 * tries);
      }
  }

  /** Somebody begins a program beside its own. */
  noteOthers(): void {
    this.#hadOthers = true;
  }

  /** Ends what watched over programs beside its own, when all have ended. */
  endMonitors(): void {
    if (this.#hadOthers) endExecMonitors(this.record.id);
  }

  #path(what?: string): string {
    const { id } = this.record;
    return what === undefined ? `containers/${id}` : `containers/${id}/${what}`;
  }
}
