import { describeJavaArchive } from "@lading/builder";
import { javaFlags } from "../config/java-flags.ts";
import type { DescribeOptions, Description } from "./front-end.ts";

/** The image of a Java program by its jar or war. */
export async function describeJava(path: string, { context, asked, flags }: DescribeOptions): Promise<Description> {
  return { ...(await describeJavaArchive(path, { ...javaFlags(flags), context, asked })), advice };
}

const advice = "Libraries are those that the archive names now: when they change, write it anew with --force.";
