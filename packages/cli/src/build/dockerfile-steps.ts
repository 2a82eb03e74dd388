import type { Dockerfile, DockerfileRequest, StepRunner } from "@lading/builder";

/** Whether a Dockerfile runs programs. A trigger of a base may do so as well: that is not known yet. */
export function hasRun({ stages }: Dockerfile): boolean {
  return stages.some(({ instructions }) => instructions.some(({ keyword }) => keyword === "RUN"));
}

/** What runs the RUN instructions of a Dockerfile; undefined when it has none, or nothing here can. */
export async function stepsFor({ file }: DockerfileRequest): Promise<(StepRunner & AsyncDisposable) | undefined> {
  if (!hasRun(file)) return undefined;
  const { openStepRunner } = await import("../step-runner.ts");
  const { RunnerError } = await import("@lading/runner");
  try {
    return openStepRunner();
  } catch (error) {
    if (error instanceof RunnerError && error.code === "NO_ENGINE") return undefined;
    throw error;
  }
}
