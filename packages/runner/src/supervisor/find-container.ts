import type { FindContainer } from "../network/shared-namespaces.ts";
import { filesIn } from "../network/write-container-files.ts";
import type { ContainerStore } from "../state/container-store.ts";
import { isAlive } from "../state/process-id.ts";

/** Finds containers whose state is kept here, for others that join their namespaces. */
export function findIn(store: ContainerStore): FindContainer {
  return async (idOrName) => {
    const { id, name } = store.find(idOrName);
    const { process } = store.state(id);
    return { id, name, pid: isAlive(process) ? process.pid : undefined, files: filesIn(store.folder(id)) };
  };
}
