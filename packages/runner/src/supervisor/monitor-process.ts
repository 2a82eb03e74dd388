import { inspect } from "node:util";
import { RunnerError } from "../errors.ts";
import { Networks } from "../network/networks.ts";
import { ContainerStore } from "../state/container-store.ts";
import { openDriver } from "./drivers.ts";
import { findIn } from "./find-container.ts";
import type { MonitorAnswer, MonitorRequest } from "./monitor.ts";
import { supervise } from "./supervise.ts";
import { SupervisedContainer } from "./supervised-container.ts";

/*
 * The process that watches over a detached container; see `startMonitor`. Its argument says which.
 */

void main(parse(process.argv[2] ?? ""));

async function main({ root, id, driver: settings }: MonitorRequest): Promise<void> {
  const starting = new AbortController();
  let end = (name: string): void =>
    starting.abort(new RunnerError("ENGINE", `Cannot start the container: ${name} came`));
  // Whoever ends this process ends the container, as far as there is time.
  for (const name of ["SIGTERM", "SIGINT"] as const) process.on(name, () => end(name));
  process.on("SIGHUP", () => undefined);
  try {
    const store = new ContainerStore(root);
    const record = store.find(id);
    const driver = await openDriver(settings, store);
    const workshop = { store, driver, networks: new Networks({ root, find: findIn(store) }) };
    await supervise(record, workshop, { stdio: "none", signal: starting.signal });
    end = () => void new SupervisedContainer(record, workshop, settings).stop();
    answer({ started: true });
  } catch (error) {
    const { code, hint } = error instanceof RunnerError ? error : { code: "ENGINE" as const, hint: undefined };
    answer({ error: { code, message: error instanceof Error ? error.message : inspect(error), hint } });
  }
}

function answer(message: MonitorAnswer): void {
  // The parent may have been killed. It is waited for, so that the message is not lost when this process ends.
  process.send?.(message, undefined, {}, () => {
    if (process.connected) process.disconnect();
  });
}

function parse(text: string): MonitorRequest {
  const value: unknown = JSON.parse(text);
  if (!isRequest(value)) throw new TypeError("Cannot watch over a container: expected a request as JSON");
  return value;
}

function isRequest(value: unknown): value is MonitorRequest {
  return typeof value === "object" && value !== null && "root" in value && "id" in value && "driver" in value;
}
