import { execFile } from "node:child_process";
import { access, constants, statfs } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { promisify } from "node:util";
import { makeFolder } from "@lading/oci";
import { cacheFolder } from "../cache-folder.ts";
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

// Nothing of this is needed to build; it is what an image is handed to afterwards.
const tools = [
  { name: "podman", args: ["--version"], use: "podman load -i FILE" },
  { name: "docker", args: ["--version"], use: "docker load -i FILE" },
  { name: "ctr", args: ["--version"], use: "ctr image import FILE" },
  {
    name: "skopeo",
    args: ["--version"],
    use: "skopeo copy oci-archive:FILE docker://NAME, and the other way for bases",
  },
];

export const command: Command = {
  options: { "cache-dir": { type: "string", requiresArg: true, describe: "folder of the cache" } },
  run: async ({ flags, signal }) => {
    const findings = [
      { what: "lading", state: "good", detail: version } satisfies Finding,
      node(),
      { what: "processors", state: "good", detail: `${availableParallelism()} to compress on` } satisfies Finding,
      ...(await cache(cacheFolder(flags.text("cache-dir")))),
      mask(),
      ...(await Promise.all(tools.map(async (tool) => await find(tool, signal)))),
    ];
    const ok = !findings.some((finding) => finding.state === "bad");
    if (flags.on("json")) process.stdout.write(`${JSON.stringify({ ok, findings })}\n`);
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
