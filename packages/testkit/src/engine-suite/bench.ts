import { randomUUID } from "node:crypto";
import { setTimeout } from "node:timers/promises";
import {
  type Container,
  type ContainerPlan,
  type Engine,
  type EngineImage,
  type EngineInfo,
  type ExitStatus,
  type ImageFacts,
  imageFacts,
  planContainer,
  type Process,
  readHost,
  RunnerError,
  type RunSpec,
  type StartOptions,
} from "@lading/runner";
import { parseProbe, type ProbeReport } from "../probe.ts";
import { type ProbeImage, probeImage } from "../probe-image.ts";
import { type Elsewhere, type ProgramResult, runElsewhere } from "./elsewhere.ts";

/** An engine that is made for one suite and cleaned up after it. */
export interface EngineUnderTest extends AsyncDisposable {
  readonly engine: Engine;
  readonly elsewhere: Elsewhere;
}

/** What a program did, from its start to its end. */
export interface Ended extends ExitStatus {
  readonly id: string;
  readonly stdout: string;
  readonly stderr: string;
}

const imageName = "localhost/lading/probe:1";

/** An engine that has the probe image, and what tests do with it again and again. */
export class Bench implements AsyncDisposable {
  readonly engine: Engine;
  readonly info: EngineInfo;
  readonly image: EngineImage;
  readonly probe: ProbeImage;
  readonly facts: ImageFacts;
  readonly #place: EngineUnderTest;

  private constructor(
    place: EngineUnderTest,
    info: EngineInfo,
    probe: ProbeImage,
    facts: ImageFacts,
    image: EngineImage,
  ) {
    this.engine = place.engine;
    this.info = info;
    this.image = image;
    this.probe = probe;
    this.facts = facts;
    this.#place = place;
  }

  static async of(place: EngineUnderTest): Promise<Bench> {
    const probe = await probeImage();
    const { engine } = place;
    const image = await engine.images.import(probe.source, probe.image.descriptor, { name: imageName });
    return new Bench(place, await engine.info(), probe, await imageFacts(probe.image), image);
  }

  /** A plan for the probe image; without a network and patience unless they are asked for, which is quicker. */
  plan(spec: RunSpec): ContainerPlan {
    return planContainer(
      { network: "none", stopTimeout: 300, ...spec },
      {
        config: this.image.config.config ?? {},
        facts: this.facts,
        engine: this.info,
        host: readHost(),
      },
    );
  }

  create(spec: RunSpec): Promise<Container> {
    return this.engine.create(this.plan(spec), this.image, { imageName });
  }

  /** `create` with a shell's program. */
  shell(script: string, spec: RunSpec = {}): Promise<Container> {
    return this.create({ ...spec, command: ["sh", "-c", script] });
  }

  /** A container that runs until it is told to stop, and is quick to do so. */
  async idle(spec: RunSpec = {}): Promise<Container> {
    const container = await this.shell("trap 'exit 0' TERM; echo ready; while :; do sleep 0.05; done", spec);
    const { stdout } = await container.start({ stdio: "pipe" });
    // Before its trap is set, nothing would end it but SIGKILL.
    await stdout[Symbol.asyncIterator]().next();
    return container;
  }

  /** Runs a program to its end, with all that it wrote, and removes its container. */
  async run(spec: RunSpec): Promise<Ended> {
    await using container = await this.create(spec);
    // Awaited here: the container goes when this function ends.
    return await this.toEnd(container);
  }

  /** `run` with a shell's program. */
  sh(script: string, spec: RunSpec = {}): Promise<Ended> {
    return this.run({ ...spec, command: ["sh", "-c", script] });
  }

  /** Starts a container, and waits for its end and all that it wrote. */
  async toEnd(container: Container): Promise<Ended> {
    const process = await container.start({ stdio: "pipe" });
    return { id: container.id, ...(await outputOf(process)) };
  }

  /** What `/bin/probe` sees in a container of this kind. */
  async look(spec: RunSpec = {}): Promise<ProbeReport> {
    const { stdout, stderr, code } = await this.run({ ...spec, command: ["/bin/probe"] });
    if (code !== 0) throw new Error(`Cannot probe: exit code ${code}: ${stderr}`);
    return parseProbe(stdout);
  }

  /** What `/bin/probe` sees beside the program of a container that runs. */
  async lookInto(container: Container): Promise<ProbeReport> {
    return parseProbe((await this.exec(container, ["/bin/probe"])).stdout);
  }

  /**
   * Does what an engine of somebody who is not root may refuse (UNSUPPORTED): what it does not refuse
   * must hold. An engine of root refuses nothing.
   */
  async unlessRefused(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!(this.info.rootless && error instanceof RunnerError && error.code === "UNSUPPORTED")) throw error;
    }
  }

  async exec(
    container: Container,
    command: readonly string[],
    spec: Omit<Parameters<Container["exec"]>[0], "command"> = {},
  ): Promise<ExitStatus & { readonly stdout: string; readonly stderr: string }> {
    return outputOf(await container.exec({ ...spec, command }, { stdio: "pipe" }));
  }

  /** Runs a program of JavaScript in another process, with the same engine as `engine` and `values` by name. */
  runElsewhere(program: string, values: Readonly<Record<string, unknown>>): Promise<ProgramResult> {
    return runElsewhere(this.#place.elsewhere, program, { image: this.image, imageName, ...values });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#place[Symbol.asyncDispose]();
  }
}

/** For containers that this process itself watches over, which is quicker to begin. */
export const watched: StartOptions = { stdio: "none", detached: false };

/** All that a process writes, and how it ended. */
export async function outputOf(
  process: Process,
): Promise<ExitStatus & { readonly stdout: string; readonly stderr: string }> {
  const [stdout, stderr, exit] = await Promise.all([textOf(process.stdout), textOf(process.stderr), process.exit]);
  return { ...exit, stdout, stderr };
}

export async function bytesOf(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of stream) parts.push(part);
  return Buffer.concat(parts);
}

async function textOf(stream: AsyncIterable<Uint8Array>): Promise<string> {
  return (await bytesOf(stream)).toString();
}

/** A name that nobody has. */
export function newName(): string {
  return `t-${randomUUID()}`;
}

/** The first thing that is not undefined or false; asks again and again. Throws Error after `patience` milliseconds. */
export async function eventually<T>(
  what: string,
  ask: () => Promise<T | undefined | false>,
  patience = 20_000,
): Promise<T> {
  const end = performance.now() + patience;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
    if (performance.now() > end) throw new Error(`Waited in vain: ${what}`);
    await setTimeout(25);
  }
}

/** The error that a promise is rejected with. Throws Error when it is not. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("Expected a rejection");
}
