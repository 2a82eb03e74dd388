import type { BuildRequest, BuildResult } from "@lading/builder";
import type { Flags } from "../flags.ts";
import { attestBuild, type AttestedContent } from "./attest-build.ts";
import type { AskedStatements } from "./attest-flags.ts";
import { buildFacts } from "./build-facts.ts";
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
}

/** What was built, with what flags ask to be said of it. */
export async function attestAsAsked(
  result: BuildResult,
  { sboms, provenance }: AskedStatements,
  { flags, request, files, names, bases, started }: Made,
): Promise<AttestedContent> {
  const { context, outputs = [], sourceDateEpoch, signal } = request;
  const platforms = result.images.map(({ platform }) => platform);
  const build = { flags, context, files, outputs, platforms, bases, sourceDateEpoch, started };
  const facts = provenance ? await buildFacts(build, { signal }) : undefined;
  return await attestBuild(result, { sboms, facts, name: names[0], sourceDateEpoch, signal });
}
