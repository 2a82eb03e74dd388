import type { Container } from "./engine.ts";
import type { ContainerStore } from "./state/container-store.ts";
import { isAlive } from "./state/process-id.ts";

/*
 * Containers that must not outlive this process, whatever ends it in an orderly way. Nothing can be
 * awaited when a process exits: what is left of them is killed; their files go with the next `remove`.
 */

const containers = new Map<Container, ContainerStore>();
let listening = false;

export const endWithProcess = {
  /** @param store - Knows its program, also when that is restarted. */
  add(container: Container, store: ContainerStore): void {
    if (!listening) process.once("exit", killAll);
    listening = true;
    containers.set(container, store);
  },
  delete(container: Container): void {
    containers.delete(container);
  },
};

function killAll(): void {
  for (const [{ id }, store] of containers)
    try {
      const { process: program } = store.state(id);
      if (isAlive(program)) process.kill(program.pid, "SIGKILL");
    } catch {
      // It has ended by itself.
    }
}
