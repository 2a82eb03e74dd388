import type { Options } from "@lading/oci";
import {
  chooseEngine,
  type Container,
  type ContainerInfo,
  type ContainerRecord,
  Containers,
  type Engine,
  type EngineName,
  engineNames,
  RunnerError,
  stateFolder,
} from "@lading/runner";
import type { Options as FlagOptions } from "yargs";
import type { Flags } from "../flags.ts";
import { nearest } from "../usage.ts";

/** Where Lading keeps containers. */
export const rootOption: Readonly<Record<string, FlagOptions>> = {
  root: {
    type: "string",
    requiresArg: true,
    describe:
      "folder of containers, images and volumes; default: LADING_ROOT, else /var/lib/lading or ~/.local/share/lading",
  },
};

/** Of commands that make something on an engine, or ask one. */
export const engineOptions: Readonly<Record<string, FlagOptions>> = {
  engine: {
    type: "string",
    requiresArg: true,
    choices: engineNames,
    describe: "default: LADING_ENGINE, else the best that is here (`lading doctor`)",
  },
  ...rootOption,
};

/** The engine that `--engine` names. */
export function engineNamed(name: string | undefined): EngineName | undefined {
  return engineNames.find((each) => each === name);
}

/** The containers that Lading made, and the engines that one run of a command needs for them; each is opened once. */
export class Engines implements AsyncDisposable {
  readonly root: string;
  readonly #asked: EngineName | undefined;
  readonly #containers: Containers;
  #chosen: Promise<Engine> | undefined;

  constructor(root: string, asked: EngineName | undefined) {
    this.root = root;
    this.#asked = asked;
    this.#containers = new Containers({ root });
  }

  /** As the flags of `engineOptions` say. */
  static from(flags: Flags): Engines {
    return new Engines(stateFolder(flags.text("root")), engineNamed(flags.text("engine")));
  }

  /** The one that was asked for, else the best; with `bridge` the best that has a bridge. Throws RunnerError NO_ENGINE. */
  async chosen(options: Options & { readonly bridge?: boolean } = {}): Promise<Engine> {
    this.#chosen ??= chooseEngine({ ...options, engine: this.#asked, root: this.root });
    return await this.#chosen;
  }

  /** A container by name, ID or the beginning of one, on whatever engine it is. Throws RunnerError NOT_FOUND and AMBIGUOUS. */
  async container(idOrName: string): Promise<Container> {
    return await this.#containers.get(this.find(idOrName).id);
  }

  /** Whether there is such a container. Throws RunnerError AMBIGUOUS. */
  has(idOrName: string): boolean {
    try {
      this.#containers.record(idOrName);
      return true;
    } catch (error) {
      if (isNotFound(error)) return false;
      throw error;
    }
  }

  /** What it was made with. Throws as `container`. */
  find(idOrName: string): ContainerRecord {
    try {
      return this.#containers.record(idOrName);
    } catch (error) {
      if (!isNotFound(error)) throw error;
      const meant = nearest(
        idOrName,
        this.records().map(({ name }) => name),
      );
      throw new RunnerError("NOT_FOUND", error.message, {
        cause: error.cause,
        hint: meant === undefined ? "`lading ps -a` lists all containers" : `Did you mean ${meant}?`,
      });
    }
  }

  /** What all were made with, the newest first. */
  records(): readonly ContainerRecord[] {
    return this.#containers.records();
  }

  /** All containers, the newest first. An engine that does not answer costs only its own: `onMissing` is told why. */
  async list(onMissing: (error: unknown) => void, options: Options = {}): Promise<readonly ContainerInfo[]> {
    const engines = new Set(this.records().map(({ engine }) => engine));
    const lists = await Promise.all(
      [...engines].map(async (name) => {
        try {
          return await (await this.#containers.engine(name)).list(options);
        } catch (error) {
          options.signal?.throwIfAborted();
          onMissing(error);
          return [];
        }
      }),
    );
    return lists.flat().toSorted((a, b) => (a.created < b.created ? 1 : -1));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const engine = await this.#chosen?.catch(() => undefined);
    await engine?.[Symbol.asyncDispose]();
    await this.#containers[Symbol.asyncDispose]();
  }
}

function isNotFound(error: unknown): error is RunnerError {
  return error instanceof RunnerError && error.code === "NOT_FOUND";
}
