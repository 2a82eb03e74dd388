import { describeExecutable } from "@lading/builder";
import { relative } from "node:path";
import type { Description, DescribeOptions } from "./front-end.ts";

export { isExecutable } from "@lading/builder";

/** The image of a program that is one file. */
export async function describeProgram(path: string, { context, shown, asked }: DescribeOptions): Promise<Description> {
  const isBelow = relative(context, path).split("/")[0] !== "..";
  return await describeExecutable(path, { context: isBelow ? context : undefined, shown, asked });
}
