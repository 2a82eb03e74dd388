import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  type Container,
  createContainer,
  type CreatedContainer,
  type Engine,
  FactsStore,
  type NamedImage,
  type Process,
  type RunSpec,
} from "@lading/runner";
import { effectiveIsolation } from "../containers/effective-isolation.ts";
import type { Options } from "yargs";
import { engineOptions, Engines } from "../containers/engines.ts";
import type { Flags } from "../flags.ts";
import { waitInForeground } from "../containers/foreground.ts";
import { imageToRun, isFolder, type PullPolicy } from "../containers/image-to-run.ts";
import { allowContainer, isOffline } from "../offline.ts";
import type { Command, Invocation } from "../program.ts";
import { createProgress } from "../progress/progress.ts";
import { printable } from "../progress/terminal.ts";
import { Registries } from "../registries.ts";
import { admissionFrom, policyOption } from "../trust/policy-flags.ts";
import { registryOptionsBesideUser } from "../registry-flags.ts";
import { publishExposed } from "../run-flags/ports.ts";
import { runOptions } from "../run-flags/run-options.ts";
import { runSpecFromFlags } from "../run-flags/run-spec.ts";
import { checkTerminal, stdioFor } from "../containers/terminal-stdio.ts";
import { UsageError } from "../usage.ts";

const group = "Where:";
const pullPolicies: readonly PullPolicy[] = ["missing", "always", "never"];

function grouped(options: Readonly<Record<string, Options>>): Readonly<Record<string, Options>> {
  return Object.fromEntries(Object.entries(options).map(([name, option]) => [name, Object.assign({ group }, option)]));
}

export const command: Command = {
  positionals: {
    image: { type: "string", describe: "a reference, a place, or a folder to build: oci-archive:FILE, ." },
  },
  options: {
    ...runOptions,
    pull: {
      type: "string",
      requiresArg: true,
      choices: pullPolicies,
      group,
      describe: "whether to ask the registry; default: missing",
    },
    platform: { type: "string", requiresArg: true, group, describe: "which image of several; default: this machine's" },
    ...grouped(engineOptions),
    ...policyOption,
    ...registryOptionsBesideUser,
  },
  examples: [
    ["run --rm -it debian:12 bash", "a shell, and nothing left of it"],
    ["run -d --name web -p 8080:80 nginx:1.27", "in the background; lading logs, exec, stop, rm"],
    ["run --rm .", "build what ./lading.yaml describes, and run it"],
    ["run --rm --profile strict app:1 ./check --all", "no capability, no network, nothing to write to"],
  ],
  run: async (invocation) => {
    const { flags, rest, signal } = invocation;
    const spec = await runSpecFromFlags(flags, rest);
    checkFlags(flags);
    await using engines = Engines.from(flags);
    const engine = await engines.chosen({ signal, bridge: wantsBridge(spec, flags) });
    const { image, name } = await found(invocation, engines, engine);
    const ports = flags.on("publish-all")
      ? [
          ...(spec.ports ?? []),
          ...publishExposed(Object.keys(image.config.config?.ExposedPorts ?? {}), spec.ports ?? []),
        ]
      : spec.ports;
    const created = await createContainer(
      engine,
      image,
      { ...spec, ports },
      { imageName: name, facts: new FactsStore(join(engines.root, "facts")), signal },
    );
    return await start(invocation, created, spec);
  },
};

/** What can be said before any engine is asked. Throws UsageError. */
function checkFlags(flags: Flags): void {
  checkTerminal(flags);
  if (flags.on("json") && !flags.on("detach"))
    throw new UsageError("Cannot use --json without --detach: what is on stdout is the program's");
  const file = flags.text("cidfile");
  if (file !== undefined && existsSync(file))
    throw new UsageError(`Cannot use --cidfile "${file}": it is there already`, {
      hint: "A container may still run by that ID; remove the file, or name another",
    });
}

function wantsBridge({ network, ports = [] }: RunSpec, flags: Flags): boolean {
  return network === "bridge" || ports.length > 0 || flags.on("publish-all");
}

/** The image, with progress in front of what the program writes. */
async function found({ flags, signal }: Invocation, engines: Engines, engine: Engine): Promise<NamedImage> {
  const text = flags.required("image");
  const progress = createProgress(flags.text("progress"), { quiet: flags.on("quiet") });
  await using registries = Registries.from(flags, isFolder(text) ? [] : [text]);
  registries.onEvent = (event) => progress.event(event);
  registries.admission = admissionFrom(flags);
  try {
    return await imageToRun(text, {
      pull: pullPolicies.find((each) => each === flags.text("pull")),
      platform: flags.text("platform"),
      engine,
      registries,
      progress,
      root: engines.root,
      signal,
    });
  } finally {
    progress.end();
  }
}

async function start(
  { flags, signal, interruption }: Invocation,
  { container, notes }: CreatedContainer,
  spec: RunSpec,
): Promise<number> {
  if (!flags.on("quiet")) for (const note of notes) process.stderr.write(`note: ${printable(note)}\n`);
  const detached = flags.on("detach");
  const stdio = detached ? undefined : stdioFor(flags);
  let program: Process;
  try {
    const file = flags.text("cidfile");
    if (file !== undefined) await writeFile(file, container.id, { flag: "wx" });
    program = await container.start({ stdio: stdio?.kind ?? "none", detached, signal });
  } catch (error) {
    // Nothing of it ever ran: there is nothing to keep, and its name is free again.
    await container.remove({ force: true }).catch(() => undefined);
    throw error;
  }
  if (stdio !== undefined) {
    if (isOffline()) for (const address of (await container.info()).addresses) allowContainer(address);
    const restarts = (spec.restart?.name ?? "no") !== "no";
    const [{ code }] = await Promise.all([
      waitInForeground(container, program, interruption, { restarts }),
      stdio.connect(program),
    ]);
    return code;
  }
  if (flags.on("json")) process.stdout.write(`${JSON.stringify(await document(container, notes), undefined, 2)}\n`);
  else process.stdout.write(`${container.id}\n`);
  return 0;
}

/** What became of it, with its isolation as the kernel has it. */
async function document(container: Container, notes: readonly string[]): Promise<object> {
  return { ...(await container.info()), notes, isolation: await effectiveIsolation(container) };
}
