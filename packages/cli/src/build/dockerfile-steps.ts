import type { DockerfileRequest, StepRunner } from "@lading/builder";

/** What runs the RUN instructions of a Dockerfile; undefined when it has none, or nothing here can. */
export async function stepsFor({ file }: DockerfileRequest): Promise<(StepRunner & AsyncDisposable) | undefined> {
  const runs = file.stages.some(({ instructions }) => instructions.some(({ keyword }) => keyword === "RUN"));
  // A trigger of a base may run something as well; that base is not known yet.
  if (!runs) return undefined;
  const { openStepRunner } = await import("../step-runner.ts");
  const { RunnerError } = await import("@lading/runner");
  try {
    return openStepRunner();
  } catch (error) {
    if (error instanceof RunnerError && error.code === "NO_ENGINE") return undefined;
    throw error;
  }
}
