import type { Options } from "@lading/oci";
import { resolve } from "node:path";
import { mergeSpecs, specFromFlags } from "../config/spec-flags.ts";
import type { Flags } from "../flags.ts";
import { describeBuild, nothingToBuild, type WhatToBuild } from "../front-ends/describe-build.ts";
import type { Description } from "../front-ends/front-end.ts";

export interface DescribeByFlagsOptions extends Options, Pick<WhatToBuild, "own" | "around" | "onFile"> {
  /** What a context is described as that nothing describes, where flags do not either. Default: it is refused. */
  readonly otherwise?: (context: string) => Promise<Description>;
}

/** What the context's description says, and flags over it; flags alone are a description too. */
export async function describeByFlags(
  flags: Flags,
  { own, around, onFile, otherwise, signal }: DescribeByFlagsOptions,
): Promise<Description> {
  const fromFlags = await specFromFlags(flags);
  const context = flags.required("context");
  // Who adds files says what is in the image.
  const infer = fromFlags.layers === undefined;
  const file = flags.text("file");
  const described =
    (await describeBuild({ context, file, infer, own, around, asked: fromFlags, flags, onFile, signal })) ??
    (infer ? await otherwise?.(context) : undefined);
  if (described !== undefined) return { ...described, spec: mergeSpecs(described.spec, fromFlags) };
  if (fromFlags.layers === undefined && fromFlags.from === undefined) throw nothingToBuild(context);
  return { spec: fromFlags, context: resolve(context) };
}
