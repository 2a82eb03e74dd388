import type { Engines } from "./engines.ts";
import { effectiveIsolation } from "./effective-isolation.ts";
import type { Flags } from "../flags.ts";
import { styleFor } from "../progress/terminal.ts";
import { showContainer } from "../show/show-container.ts";

/** What `inspect` tells of a container: how it is, what it was made with, and its isolation as the kernel has it. */
export async function inspectContainer(
  name: string,
  flags: Flags,
  engines: Engines,
  signal: AbortSignal,
): Promise<void> {
  const { plan } = engines.find(name);
  const container = await engines.container(name);
  const info = await container.info({ signal });
  const isolation = info.status === "running" ? await effectiveIsolation(container) : undefined;
  if (flags.on("json")) process.stdout.write(`${JSON.stringify({ ...info, plan, isolation }, undefined, 2)}\n`);
  else process.stdout.write(showContainer(info, plan, isolation, styleFor(process.stdout)));
}
