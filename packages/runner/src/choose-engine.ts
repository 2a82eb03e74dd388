import type { Options } from "@lading/oci";
import type { Engine, EngineName, EngineProbe } from "./engine.ts";
import { RunnerError } from "./errors.ts";

export interface EngineChoice extends Options {
  /** Default: LADING_ENGINE, else the best that is here. */
  readonly engine?: EngineName | undefined;
  /** The state folder. Default: as `stateFolder`. */
  readonly root?: string | undefined;
  /** Of containerd: which of its namespaces. Default: `lading`. */
  readonly namespace?: string | undefined;
  /** Default: this process's environment. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
}

interface EngineModule {
  readonly open: (options: Omit<EngineChoice, "engine">) => Promise<Engine>;
  /** Where opening it does not tell enough. */
  readonly probe?: (options: Omit<EngineChoice, "engine">) => Promise<EngineProbe>;
}

// An engine is loaded when it is wanted. The order is that of preference: what needs no daemon comes first, then
// what starts its own, then what somebody must have started.
const modules: Readonly<Record<EngineName, () => Promise<EngineModule>>> = {
  runc: async () => {
    const { RuncEngine } = await import("./runc/runc-engine.ts");
    return { open: async (options) => new RuncEngine(options) };
  },
  podman: async () => {
    const { PodmanEngine } = await import("./podman/podman-engine.ts");
    const { probePodman } = await import("./podman/probe-podman.ts");
    return { open: async (options) => await PodmanEngine.open(options), probe: probePodman };
  },
  containerd: async () => {
    const { ContainerdEngine } = await import("./containerd/containerd-engine.ts");
    return { open: async (options) => await ContainerdEngine.open(options) };
  },
};

/** The engines, the preferred one first. */
export const engineNames: readonly EngineName[] = ["runc", "podman", "containerd"];

/**
 * Opens the engine that was asked for, else the first that is here; with `bridge`, the first that has
 * one, where any has. Throws RunnerError NO_ENGINE, which tells of each why it cannot be used.
 */
export async function chooseEngine(
  options: EngineChoice & { readonly bridge?: boolean | undefined } = {},
): Promise<Engine> {
  const { bridge = false, signal } = options;
  const asked = options.engine ?? named(options.env ?? process.env);
  if (asked !== undefined) return await (await modules[asked]()).open(options);
  const failures: RunnerError[] = [];
  let lacking: Engine | undefined;
  for (const name of engineNames) {
    let engine: Engine;
    try {
      engine = await (await modules[name]()).open(options);
    } catch (error) {
      if (!(error instanceof RunnerError && (error.code === "NO_ENGINE" || error.code === "UNSUPPORTED"))) throw error;
      failures.push(error);
      continue;
    }
    if (!bridge || (await engine.info({ signal })).networks.includes("bridge")) {
      await lacking?.[Symbol.asyncDispose]();
      return engine;
    }
    if (lacking === undefined) lacking = engine;
    else await engine[Symbol.asyncDispose]();
  }
  if (lacking !== undefined) return lacking;
  throw new RunnerError("NO_ENGINE", "Cannot run containers: no engine is here", {
    cause: new AggregateError(failures, failures.map(({ message }) => message).join("\n")),
    hint: "Install runc (as root) or podman; `lading doctor` tells more",
  });
}

/** Opens this engine. Throws RunnerError NO_ENGINE. */
export async function openEngine(name: EngineName, options: Omit<EngineChoice, "engine"> = {}): Promise<Engine> {
  return await (await modules[name]()).open(options);
}

/** What each engine is here, or why it cannot be used; the preferred one first. */
export async function probeEngines(options: Omit<EngineChoice, "engine"> = {}): Promise<readonly EngineProbe[]> {
  return await Promise.all(engineNames.map((name) => probe(name, options)));
}

async function probe(name: EngineName, options: Omit<EngineChoice, "engine">): Promise<EngineProbe> {
  const { probe: ask } = await modules[name]();
  if (ask !== undefined) return await ask(options);
  try {
    await using engine = await openEngine(name, options);
    return { name, info: await engine.info(options), findings: [] };
  } catch (error) {
    options.signal?.throwIfAborted();
    return { name, findings: reasons(error) };
  }
}

/** The messages of an error and of what caused it. */
function reasons(error: unknown): readonly string[] {
  if (!(error instanceof Error)) return [String(error)];
  const causes = error instanceof AggregateError ? error.errors.flatMap(reasons) : [];
  return [error.message, ...causes, ...(error.cause === undefined ? [] : reasons(error.cause))];
}

function named(env: Readonly<Record<string, string | undefined>>): EngineName | undefined {
  const text = env["LADING_ENGINE"] ?? "";
  if (text === "") return undefined;
  const name = engineNames.find((each) => each === text);
  if (name === undefined)
    throw new RunnerError("SPEC", `Cannot use LADING_ENGINE "${text}": expected one of ${engineNames.join(", ")}`);
  return name;
}
