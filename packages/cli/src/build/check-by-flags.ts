import { checkDockerfile } from "@lading/builder";
import type { Options } from "@lading/oci";
import type { ConfigIssue } from "../config/config-error.ts";
import { explainIssue } from "../explain.ts";
import type { Flags } from "../flags.ts";
import { formatCount } from "../progress/quantity.ts";
import { styleFor } from "../progress/terminal.ts";
import { UsageError } from "../usage.ts";
import { describeByFlags } from "./describe-by-flags.ts";

/** What `build --check` does: tells what is doubtful about a Dockerfile, and builds nothing. Returns the exit code. */
export async function checkByFlags(flags: Flags, options: Options): Promise<number> {
  const { dockerfile, context, spec } = await describeByFlags(flags, options);
  if (dockerfile === undefined)
    throw new UsageError("Cannot check what is no Dockerfile", {
      hint: "`lading build --dry-run` shows what other descriptions come to",
    });
  const warnings = checkDockerfile(dockerfile.file, { context, ignoreFile: spec.ignoreFile });
  if (flags.on("json")) process.stdout.write(`${JSON.stringify(warnings, undefined, 2)}\n`);
  else {
    const style = styleFor(process.stderr);
    for (const { rule, message, url, location } of warnings) {
      const issue: ConfigIssue = { message: `${rule}: ${message}`, location, hint: url };
      process.stderr.write(`${explainIssue("warning", issue, style).join("\n")}\n`);
    }
    const found = warnings.length === 0 ? "no warnings" : formatCount(warnings.length, "warning");
    if (!flags.on("quiet")) process.stderr.write(`${dockerfile.file.name}: ${found}\n`);
  }
  return warnings.length === 0 ? 0 : 1;
}
