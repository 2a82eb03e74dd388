import { type Container, type Isolation, RunnerError } from "@lading/runner";

/** A container's isolation as the kernel has it; undefined when it does not run any more. */
export async function effectiveIsolation(container: Container): Promise<Isolation | undefined> {
  try {
    return await container.isolation();
  } catch (error) {
    if (error instanceof RunnerError && error.code === "STATE") return undefined;
    throw error;
  }
}
