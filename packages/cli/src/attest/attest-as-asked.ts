import type { BuildRequest, BuildResult } from "@lading/builder";
import type { Flags } from "../flags.ts";
import type { Registries } from "../registries.ts";
import { signingTime } from "../trust/signing-flags.ts";
import { statementsOf } from "./attest-build.ts";
import { besideBuild, type BesideBuild } from "./attach-to-build.ts";
import type { AskedStatements } from "./attest-flags.ts";
import { buildFacts } from "./build-facts.ts";
import type { AskedSignature } from "./sign-flags.ts";
import type { UsedBase } from "./used-bases.ts";

/** How something came to be built. */
export interface Made {
  readonly flags: Flags;
  readonly request: BuildRequest;
  /** The files that described it. */
  readonly files: readonly string[];
  readonly names: readonly string[];
  readonly bases: readonly UsedBase[];
  readonly started: Date;
  readonly registries: Registries;
}

/** What flags ask to be said of what was built, by whom, and what people should know of that. */
export async function attestAsAsked(
  result: BuildResult,
  { sboms, provenance }: AskedStatements,
  signature: AskedSignature | undefined,
  { flags, request, files, names, bases, started, registries }: Made,
): Promise<BesideBuild & { readonly warnings: readonly string[] }> {
  const { context, outputs = [], sourceDateEpoch, signal } = request;
  const platforms = result.images.map(({ platform }) => platform);
  const build = { flags, context, files, outputs, platforms, bases, sourceDateEpoch, started };
  const facts = provenance ? await buildFacts(build, { signal }) : undefined;
  const what = { sboms, facts, name: names[0], sourceDateEpoch, signal };
  const { statements, warnings } = await statementsOf(result, what);
  const beside = await besideBuild(result, statements, signature, {
    registries,
    names,
    created: signingTime(),
    signal,
  });
  return { ...beside, warnings };
}
