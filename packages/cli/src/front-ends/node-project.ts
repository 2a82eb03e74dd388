import { dirname } from "node:path";
import { describeNodeProject } from "@lading/builder";
import { cacheFolder } from "../cache-folder.ts";
import type { Description, DescribeOptions } from "./front-end.ts";

/** The image of a Node program, by its package.json, its lockfile and what is installed. */
export async function describeNode(path: string, { asked, flags }: DescribeOptions): Promise<Description> {
  const described = describeNodeProject(dirname(path), { asked, cacheDir: cacheFolder(flags.text("cache-dir")) });
  if (flags.switched("trace") ?? described.project.manifest.lading["trace"] === true)
    return { ...(await (await import("./trace-program.ts")).traceProgram(described)), advice };
  const { spec, context, warnings } = described;
  return { spec, context, warnings, advice };
}

const advice = "Packages are those that are installed now: after another install, write it anew with --force.";
