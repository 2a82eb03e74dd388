import { type Container, copyIn, copyOut, type CopyReport, type IdRange } from "@lading/runner";
import { effectiveIsolation } from "../containers/effective-isolation.ts";
import { Engines, rootOption } from "../containers/engines.ts";
import type { Command } from "../program.ts";
import { formatCount, formatSize } from "../progress/quantity.ts";
import { printable, styleFor } from "../progress/terminal.ts";
import { UsageError } from "../usage.ts";

export const command: Command = {
  positionals: {
    source: { type: "string", describe: "CONTAINER:PATH, a path of this machine, or - for a tar on stdin" },
    destination: { type: "string", describe: "the same; - for a tar on stdout" },
  },
  options: {
    archive: { type: "boolean", alias: "a", describe: "keep owners, and setuid and setgid bits" },
    "follow-link": { type: "boolean", alias: "L", describe: "copy what the source leads to, not the link" },
    ...rootOption,
  },
  examples: [
    ["cp web:/var/log/app.log .", "out of a container, running or not"],
    ["cp site/. web:/srv", "what is in a folder, into one"],
  ],
  run: async ({ flags, signal }) => {
    const from = parseEnd(flags.required("source"));
    const to = parseEnd(flags.required("destination"));
    const inner = from.container ?? to.container;
    if (inner === undefined || (from.container !== undefined && to.container !== undefined))
      throw new UsageError("Cannot copy: one side is CONTAINER:PATH, the other a path of this machine", {
        hint: "A path with a colon begins with ./ or /",
      });
    await using engines = Engines.from(flags);
    const container = await engines.container(inner);
    const options = {
      owners: flags.on("archive"),
      follow: flags.on("follow-link"),
      ids: await idsOf(container, engines),
      signal,
    };
    const report = await container.withFiles(
      async (root) =>
        await (from.container === undefined
          ? copyIn(from.path === "-" ? process.stdin : from.path, root, to.path, options)
          : copyOut(root, from.path, to.path === "-" ? process.stdout : to.path, options)),
      { signal },
    );
    tell(report, to.path === "-", flags.on("quiet"), flags.on("json"));
  },
};

interface End {
  readonly container: string | undefined;
  readonly path: string;
}

/** As docker: what begins with a slash or a dot is a path, whatever colons it has. */
function parseEnd(text: string): End {
  const colon = text.indexOf(":");
  if (colon < 1 || /^[./]/.test(text)) return { container: undefined, path: text };
  return { container: text.slice(0, colon), path: text.slice(colon + 1) || "/" };
}

/** Which ids of the host those of the container are: as the kernel has it, else as it was asked for. */
async function idsOf(
  container: Container,
  engines: Engines,
): Promise<{ readonly uidMap: readonly IdRange[]; readonly gidMap: readonly IdRange[] } | undefined> {
  const isolation = await effectiveIsolation(container);
  if (isolation !== undefined) return isolation;
  const { user } = engines.find(container.id).plan.namespaces;
  return typeof user === "string" ? undefined : user;
}

function tell(report: CopyReport, toStdout: boolean, quiet: boolean, json: boolean): void {
  const style = styleFor(process.stderr);
  for (const { path, reason } of report.skipped)
    process.stderr.write(`${style.yellow("warning:")} ${printable(path)} was left out: ${printable(reason)}\n`);
  if (json && !toStdout) process.stdout.write(`${JSON.stringify(report)}\n`);
  else if (!quiet) process.stderr.write(`copied ${formatCount(report.files, "file")}, ${formatSize(report.bytes)}\n`);
}
