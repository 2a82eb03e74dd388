import {
  existsSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rm as rmWithCallback,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { type Digest, makeFolder } from "@lading/oci";
import type { ContainerPlan } from "../container-plan.ts";
import type { ContainerStatus, EngineName, ExitStatus } from "../engine.ts";
import { RunnerError } from "../errors.ts";
import type { PortMapping } from "../run-spec.ts";
import { readJson, replaceJson } from "./json-file.ts";
import { madeUpName } from "./made-up-name.ts";
import { randomDigits } from "./random-digits.ts";
import type { ProcessId } from "./process-id.ts";
import { hasCode } from "./system-error.ts";

/*
 * Where Lading keeps what it knows of its containers, whatever engine runs them: so that a name is
 * enough to find one. Below the state folder:
 *
 *   containers/ID/record.json    never changed after `create`
 *   names/NAME                   a symlink that says the ID: that is what makes names unique
 *   containers/ID/state.json     replaced by rename (runc and containerd; podman keeps its own)
 *   containers/ID/log/           what the program wrote (runc and containerd)
 *
 * Several processes use it at once, and any may die at any moment. A container is there from the
 * moment that its name leads to it, which is the last step of `create`, until it no longer does,
 * which is the first step of `remove`. Whatever else is below `containers` is taken for nothing.
 *
 * What is asked here is small and in memory mostly; to wait for a thread would take longer than the
 * answer. So these calls do not.
 */

/** What a container was made with. */
export interface ContainerRecord {
  readonly id: string;
  readonly name: string;
  readonly engine: EngineName;
  readonly image: { readonly id: Digest; readonly name: string };
  /** RFC 3339. */
  readonly created: string;
  readonly plan: ContainerPlan;
}

/** What has become of it; of engines that leave this to us. */
export interface ContainerState {
  readonly status: ContainerStatus;
  readonly process: ProcessId | undefined;
  /** Who watches over it. */
  readonly supervisor: ProcessId | undefined;
  readonly startedAt: string | undefined;
  readonly exit: ExitStatus | undefined;
  readonly restarts: number;
  readonly ports: readonly PortMapping[];
  readonly addresses: readonly string[];
}

/** Of a container that nobody started yet. */
export const createdState: ContainerState = {
  status: "created",
  process: undefined,
  supervisor: undefined,
  startedAt: undefined,
  exit: undefined,
  restarts: 0,
  ports: [],
  addresses: [],
};

// Of node:fs/promises nothing else is needed, and it takes a millisecond to load.
const rm = promisify(rmWithCallback);

const leftoversAreKept = 60 * 60 * 1000; // milliseconds
const exitsAreKept = 10 * 60 * 1000; // milliseconds
const namePattern = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;
const idPattern = /^[0-9a-f]{64}$/;

export interface NewContainer {
  readonly engine: EngineName;
  readonly image: ContainerRecord["image"];
  readonly plan: ContainerPlan;
  /** Where the engine says which (podman). Default: made up. */
  readonly id?: string | undefined;
}

export class ContainerStore {
  /** The state folder. */
  readonly root: string;

  /** Makes the folder, and what is missing in it, when there is something to keep. */
  constructor(root: string) {
    this.root = root;
  }

  /** A container's own folder; the engine may keep things there, in a folder `task`. */
  folder(id: string): string {
    return join(this.root, "containers", id);
  }

  /**
   * Keeps a record of a new container under the name of its plan, or a made-up one. `prepare` gets
   * the record when its folder is there and its name is not yet (of a made-up one another may come of
   * it, when somebody takes it meanwhile): what it makes goes with the folder when it throws. Throws RunnerError NAME_TAKEN, and SPEC for what cannot be a name.
   */
  async create(
    { engine, image, plan, id = newContainerId() }: NewContainer,
    prepare: (record: ContainerRecord) => unknown = () => undefined,
  ): Promise<ContainerRecord> {
    if (plan.name !== undefined) this.#checkName(plan.name);
    const folder = this.folder(id);
    this.#makeFolder("names");
    this.#makeFolder("containers");
    await this.#sweep();
    mkdirSync(folder, { mode: 0o700 });
    const write = (name: string): ContainerRecord => {
      const record = { id, name, engine, image, created: new Date().toISOString(), plan };
      writeFileSync(join(folder, "record.json"), JSON.stringify(record), { mode: 0o600 });
      return record;
    };
    try {
      let record = write(plan.name ?? this.#freeName());
      await prepare(record);
      while (!this.#claim(record.name, id)) {
        if (plan.name !== undefined) throw nameTaken(record.name);
        record = write(this.#freeName());
      }
      return record;
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }

  /** Whether there is a folder of that ID, of a container that is there, is being made, or is going. */
  hasFolder(id: string): boolean {
    return existsSync(this.folder(id));
  }

  /** By ID, name, or a prefix of the ID that no other has. Throws RunnerError NOT_FOUND or AMBIGUOUS. */
  find(idOrName: string): ContainerRecord {
    const exact = this.#byId(idOrName) ?? (namePattern.test(idOrName) ? this.#byName(idOrName) : undefined);
    if (exact !== undefined) return exact;
    if (/^[0-9a-f]{2,63}$/.test(idOrName)) {
      const found = entries(join(this.root, "containers"))
        .filter((id) => id.startsWith(idOrName))
        .flatMap((id) => this.#byId(id) ?? []);
      if (found.length > 1)
        throw new RunnerError("AMBIGUOUS", `Cannot tell which container "${idOrName}" is: ${found.length} begin so`, {
          hint: `They are ${found.map(({ name }) => name).join(", ")}`,
        });
      if (found[0] !== undefined) return found[0];
    }
    throw new RunnerError("NOT_FOUND", `Cannot find container "${idOrName}": there is none of that name or ID`);
  }

  /** All there are, the newest first. */
  list(): readonly ContainerRecord[] {
    return entries(join(this.root, "names"))
      .flatMap((name) => this.#byName(name) ?? [])
      .sort((a, b) => (a.created < b.created ? 1 : -1));
  }

  /** The last that its supervisor wrote; of one that nobody started, `createdState`. */
  state(id: string): ContainerState {
    const state = readJson(join(this.folder(id), "state.json"));
    return isState(state) ? state : createdState;
  }

  /** Only for who watches over it. */
  writeState(id: string, state: ContainerState): void {
    replaceJson(join(this.folder(id), "state.json"), state);
  }

  /**
   * Keeps how a container ended beyond its removal, for those who wait for that in other processes;
   * for some minutes.
   */
  keepExit(id: string, exit: ExitStatus): void {
    this.#makeFolder("exits");
    const folder = join(this.root, "exits");
    // A folder for each ten minutes: to look at each of many files would take longer than a container's own end.
    const now = Math.floor(Date.now() / exitsAreKept);
    for (const name of entries(folder))
      if (!(Number(name) >= now - 1)) rmSync(join(folder, name), { recursive: true, force: true });
    makeFolder(join(folder, `${now}`), 0o700);
    replaceJson(join(folder, `${now}`, id), exit);
  }

  /** What `keepExit` kept. */
  keptExit(id: string): ExitStatus | undefined {
    const folder = join(this.root, "exits");
    for (const name of entries(folder)) {
      const exit = readJson(join(folder, name, id));
      if (isExit(exit)) return exit;
    }
    return undefined;
  }

  /** Forgets a container, and deletes its folder. Does nothing when it is gone already. */
  async remove({ id, name }: ContainerRecord): Promise<void> {
    if (this.#idOf(name) === id)
      try {
        unlinkSync(this.#nameFile(name));
      } catch (error) {
        ignoreMissing(error);
      }
    await rm(this.folder(id), { recursive: true, force: true });
  }

  /** Deletes what processes left that were killed long ago: folders of containers to which no name leads. */
  async #sweep(): Promise<void> {
    const folders = entries(join(this.root, "containers"));
    const names = entries(join(this.root, "names"));
    if (folders.length <= names.length) return;
    const named = new Set(names.map((name) => this.#idOf(name)));
    for (const id of folders) {
      const info = named.has(id) ? undefined : statSync(this.folder(id), { throwIfNoEntry: false });
      if (info !== undefined && Date.now() - info.mtimeMs > leftoversAreKept)
        await rm(this.folder(id), { recursive: true, force: true });
    }
  }

  #checkName(name: string): void {
    if (!namePattern.test(name) || name.length > 255)
      throw new RunnerError("SPEC", `Cannot name a container "${name}": expected letters, digits, "_", "." and "-"`);
    if (this.#byName(name) !== undefined) throw nameTaken(name);
  }

  #freeName(): string {
    for (let attempt = 0; ; attempt++) {
      // With most names in use a number makes it another.
      const name = attempt < 20 ? madeUpName() : `${madeUpName()}_${randomDigits(4)}`;
      if (this.#byName(name) === undefined) return name;
    }
  }

  #claim(name: string, id: string): boolean {
    for (let attempt = 0; ; attempt++)
      try {
        symlinkSync(id, this.#nameFile(name));
        return true;
      } catch (error) {
        if (!hasCode(error, "EEXIST")) throw error;
        if (attempt > 0 || this.#byName(name) !== undefined) return false;
        // It leads nowhere: somebody deleted the folder by hand. It is put aside before it goes,
        // since by now it may be another's.
        const aside = this.#nameFile(`.${process.pid}`);
        renameSync(this.#nameFile(name), aside);
        if (this.#byName(`.${process.pid}`) === undefined) rmSync(aside);
        else renameSync(aside, this.#nameFile(name));
      }
  }

  #byName(name: string): ContainerRecord | undefined {
    const id = this.#idOf(name);
    const record = id === undefined ? undefined : readJson(join(this.folder(id), "record.json"));
    return isRecord(record) && record.id === id ? record : undefined;
  }

  #byId(id: string): ContainerRecord | undefined {
    if (!idPattern.test(id)) return undefined;
    const record = readJson(join(this.folder(id), "record.json"));
    return isRecord(record) && this.#idOf(record.name) === id ? record : undefined;
  }

  #idOf(name: string): string | undefined {
    try {
      const id = readlinkSync(this.#nameFile(name));
      return idPattern.test(id) ? id : undefined;
    } catch {
      return undefined;
    }
  }

  #nameFile(name: string): string {
    return join(this.root, "names", name);
  }

  #makeFolder(name: string): void {
    // Others may pass, not look: mapped users of containers must reach the root of theirs.
    makeFolder(this.root, 0o711);
    makeFolder(join(this.root, name), 0o700);
  }
}

/** 64 hexadecimal digits. */
export function newContainerId(): string {
  return randomDigits(64);
}

/** The error for a name that another container has. */
export function nameTaken(name: string): RunnerError {
  return new RunnerError("NAME_TAKEN", `Cannot name a container "${name}": there is one already`, {
    hint: `Choose another name, or remove that one: lading rm ${name}`,
  });
}

function entries(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    ignoreMissing(error);
    return [];
  }
}

function ignoreMissing(error: unknown): void {
  if (!hasCode(error, "ENOENT", "ENOTDIR")) throw error;
}

// Only Lading writes these files, and whole; what the guards keep out are those of another version.
function isRecord(value: unknown): value is ContainerRecord {
  return (
    isObject(value) &&
    typeof value["id"] === "string" &&
    typeof value["name"] === "string" &&
    typeof value["engine"] === "string" &&
    typeof value["created"] === "string" &&
    isObject(value["image"]) &&
    isObject(value["plan"]) &&
    Array.isArray(value["plan"]["args"])
  );
}

function isState(value: unknown): value is ContainerState {
  return (
    isObject(value) &&
    typeof value["status"] === "string" &&
    typeof value["restarts"] === "number" &&
    Array.isArray(value["ports"]) &&
    Array.isArray(value["addresses"])
  );
}

function isExit(value: unknown): value is ExitStatus {
  return isObject(value) && typeof value["code"] === "number" && typeof value["finishedAt"] === "string";
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
