import type { Options } from "@lading/oci";
import { resolve } from "node:path";
import { mergeSpecs, specFromFlags } from "../config/spec-flags.ts";
import type { Flags } from "../flags.ts";
import { describeBuild, nothingToBuild } from "../front-ends/describe-build.ts";
import type { Description } from "../front-ends/front-end.ts";

/** What the context's description says, and flags over it; flags alone are a description too. */
export async function describeByFlags(flags: Flags, { signal }: Options): Promise<Description> {
  const fromFlags = await specFromFlags(flags);
  const context = flags.required("context");
  const described = await describeBuild({
    context,
    file: flags.text("file"),
    // Who adds files says what is in the image.
    infer: fromFlags.layers === undefined,
    asked: fromFlags,
    flags,
    signal,
  });
  if (described !== undefined) return { ...described, spec: mergeSpecs(described.spec, fromFlags) };
  if (fromFlags.layers === undefined && fromFlags.from === undefined) throw nothingToBuild(context);
  return { spec: fromFlags, context: resolve(context) };
}
