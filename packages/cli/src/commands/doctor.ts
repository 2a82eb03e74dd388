import { execFile } from "node:child_process";
import { access, constants, statfs } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { promisify } from "node:util";
import { makeFolder } from "@lading/oci";
import {
  advisoriesFor,
  chooseEngine,
  type EngineAdvisory,
  type EngineInfo,
  type EngineProbe,
  formatAdvisory,
  probeEngines,
  stateFolder,
} from "@lading/runner";
import { cacheFolder } from "../cache-folder.ts";
import { engineNamed, engineOptions } from "../containers/engines.ts";
import type { Flags } from "../flags.ts";
import type { Command } from "../program.ts";
import { formatSize } from "../progress/quantity.ts";
import { columns, printable, styleFor } from "../progress/terminal.ts";
import { version } from "../version.ts";

interface Finding {
  readonly what: string;
  /** "missing" is worth knowing, "bad" keeps Lading from working. */
  readonly state: "good" | "missing" | "bad";
  readonly detail: string;
}

// Nothing of this is needed to build or run; it is what an image is handed to afterwards.
const tools = [
  { name: "docker", args: ["--version"], use: "docker load -i FILE" },
  {
    name: "skopeo",
    args: ["--version"],
    use: "skopeo copy oci-archive:FILE docker://NAME, and the other way for bases",
  },
];

export const command: Command = {
  options: {
    "cache-dir": { type: "string", requiresArg: true, describe: "folder of the cache" },
    ...engineOptions,
  },
  run: async ({ flags, signal }) => {
    const { probes, chosen } = await enginesHere(flags, signal);
    const told = new Set<string>();
    const findings: readonly Finding[] = [
      { what: "lading", state: "good", detail: version } satisfies Finding,
      node(),
      { what: "processors", state: "good", detail: `${availableParallelism()} to compress on` } satisfies Finding,
      ...(await cache(cacheFolder(flags.text("cache-dir")))),
      mask(),
      ...(await Promise.all(tools.map(async (tool) => await find(tool, signal)))),
      ...probes.flatMap((probe) => engineFindings(probe, chosen, told)),
    ];
    const ok = !findings.some((finding) => finding.state === "bad");
    if (flags.on("json"))
      process.stdout.write(
        `${JSON.stringify({ ok, findings, engines: probes.map(withAdvisories), engine: chosen })}\n`,
      );
    else process.stdout.write(`${render(findings)}\n`);
    if (!ok) throw new Error("Cannot build on this machine as it is");
  },
};

function node(): Finding {
  const zstd = process.versions["zstd"];
  return {
    what: "node",
    state: "good",
    detail: `${process.version} for ${process.platform} ${process.arch}${zstd === undefined ? "" : `, zstd ${zstd}`}`,
  };
}

async function cache(folder: string): Promise<Finding[]> {
  try {
    makeFolder(folder);
    await access(folder, constants.W_OK);
  } catch (error) {
    return [
      {
        what: "cache",
        state: "bad",
        detail: `${folder} cannot be written: ${error instanceof Error ? error.message : String(error)}. Set LADING_CACHE_DIR`,
      },
    ];
  }
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  return [
    { what: "cache", state: "good", detail: folder },
    { what: "disk", state: free < 1e9 ? "bad" : "good", detail: `${formatSize(free)} free for the cache` },
  ];
}

function mask(): Finding {
  const octal = process.umask().toString(8).padStart(4, "0");
  return { what: "umask", state: "good", detail: `${octal}; images do not depend on it` };
}

async function find(tool: (typeof tools)[number], signal: AbortSignal): Promise<Finding> {
  try {
    const { stdout } = await promisify(execFile)(tool.name, tool.args, { timeout: 5000, signal });
    return { what: tool.name, state: "good", detail: `${printable(stdout.trim().split("\n")[0] ?? "")}; ${tool.use}` };
  } catch (error) {
    signal.throwIfAborted();
    const missing = error instanceof Error && "code" in error && error.code === "ENOENT";
    return {
      what: tool.name,
      state: "missing",
      detail: missing ? `not installed; would take images by: ${tool.use}` : "installed, but it does not answer",
    };
  }
}

function withAdvisories(probe: EngineProbe): EngineProbe & { readonly advisories: readonly EngineAdvisory[] } {
  return { ...probe, advisories: probe.info === undefined ? [] : advisoriesFor(probe.info) };
}

interface EnginesHere {
  readonly probes: readonly EngineProbe[];
  /** The one that `run` would take. */
  readonly chosen: string | undefined;
}

async function enginesHere(flags: Flags, signal: AbortSignal): Promise<EnginesHere> {
  const options = { root: stateFolder(flags.text("root")), signal };
  const probes = await probeEngines(options);
  try {
    await using engine = await chooseEngine({ ...options, engine: engineNamed(flags.text("engine")) });
    return { probes, chosen: engine.name };
  } catch {
    // Why is what the probes tell.
    signal.throwIfAborted();
    return { probes, chosen: undefined };
  }
}

/** What is known of an engine, one line each; the first says whether it can be used. What is `told` already is left out. */
function engineFindings(
  { name, info, findings }: EngineProbe,
  chosen: string | undefined,
  told: Set<string>,
): readonly Finding[] {
  const lines = findings.map((finding) => printable(finding));
  if (info === undefined)
    return [name, ...lines.map(() => "")].slice(0, Math.max(1, lines.length)).map((what, at) => ({
      what,
      state: "missing",
      detail: lines[at] ?? "not here",
    }));
  const runtime = info.runtime.name === name ? "" : ` with ${info.runtime.name} ${info.runtime.version}`;
  const detail = [
    `${info.version}${runtime} at ${info.endpoint}`,
    info.rootless ? "without root" : "as root",
    `networks ${info.networks.join(", ")}`,
    `limits ${info.limits.join(", ") || "none"}`,
  ].join("; ");
  return [
    { what: name, state: "good", detail: name === chosen ? `${detail}; this is what \`lading run\` takes` : detail },
    ...[...lines, ...escapes(info, told)].map((line): Finding => ({ what: "", state: "missing", detail: line })),
  ];
}

/** What the versions that are here are known for; of a runtime that several engines use, once. */
function escapes(info: EngineInfo, told: Set<string>): readonly string[] {
  return advisoriesFor(info)
    .map(formatAdvisory)
    .filter((text) => !told.has(text) && told.add(text));
}

function render(findings: readonly Finding[]): string {
  const style = styleFor(process.stdout);
  const signs = { good: style.green("✔"), missing: style.dim("–"), bad: style.red("✘") };
  const width = Math.max(...findings.map((finding) => columns(finding.what)));
  return findings
    .map(
      ({ what, state, detail }) =>
        `${signs[state]} ${what.padEnd(width)}  ${state === "missing" ? style.dim(detail) : detail}`,
    )
    .join("\n");
}
