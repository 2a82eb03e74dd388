import type { ContainerStore } from "../state/container-store.ts";
import type { DriverSettings, TaskDriver } from "./task.ts";

/** The driver that these settings say; each is loaded when it is wanted. */
export async function openDriver(settings: DriverSettings, store: ContainerStore): Promise<TaskDriver> {
  if (settings.engine === "containerd") {
    const { ContainerdDriver } = await import("../containerd/containerd-driver.ts");
    return new ContainerdDriver(store, settings);
  }
  const { RuncDriver } = await import("../runc/runc-driver.ts");
  return new RuncDriver(store, settings);
}
