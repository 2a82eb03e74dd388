import type { ContainerRecord } from "../state/container-store.ts";
import { releaseIdMaps } from "../state/id-maps.ts";
import type { Workshop } from "./supervise.ts";

/** Takes away all of a container that does not run; whoever calls holds its lock. */
export async function removeContainer(record: ContainerRecord, { store, driver, networks }: Workshop): Promise<void> {
  await driver.cleanUp(record);
  await networks.cleanUp(record.id);
  await driver.remove(record);
  releaseIdMaps(store, record.id);
  await store.remove(record);
}
