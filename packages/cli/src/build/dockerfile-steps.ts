import type { Dockerfile, DockerfileRequest, StepRunner } from "@lading/builder";

type Steps = StepRunner & AsyncDisposable;

/** Whether a Dockerfile runs programs. A trigger of a base may do so as well: that is not known yet. */
export function hasRun({ stages }: Dockerfile): boolean {
  return stages.some(({ instructions }) => instructions.some(({ keyword }) => keyword === "RUN"));
}

/** What runs the RUN instructions of a Dockerfile, and of its bases; undefined when it has some, and nothing here can. */
export async function stepsFor({ file }: DockerfileRequest): Promise<Steps | undefined> {
  return hasRun(file) ? await openSteps() : new LaterSteps();
}

/** For triggers: nothing is loaded before there is one. */
class LaterSteps implements Steps {
  #steps: Promise<Steps> | undefined;

  async isSingleOwner(): Promise<boolean> {
    return (await (await this.#open()).isSingleOwner?.()) ?? false;
  }

  async run(...args: Parameters<StepRunner["run"]>): ReturnType<StepRunner["run"]> {
    return await (await this.#open()).run(...args);
  }

  #open(): Promise<Steps> {
    return (this.#steps ??= openRunner());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // One that could not be opened holds nothing.
    await (await this.#steps?.catch(() => undefined))?.[Symbol.asyncDispose]();
  }
}

async function openSteps(): Promise<Steps | undefined> {
  const { RunnerError } = await import("@lading/runner");
  try {
    return await openRunner();
  } catch (error) {
    if (error instanceof RunnerError && error.code === "NO_ENGINE") return undefined;
    throw error;
  }
}

async function openRunner(): Promise<Steps> {
  const { openStepRunner } = await import("../step-runner.ts");
  return openStepRunner();
}
