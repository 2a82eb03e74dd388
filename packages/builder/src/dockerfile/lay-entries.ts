import { readAccounts } from "../base/image-accounts.ts";
import { needsBaseFiles } from "../base/needed-files.ts";
import type { ListedEntry } from "../list/listing.ts";
import { nothing } from "../plan/lower.ts";
import { planLayer } from "../plan/plan.ts";
import { isSamePlan } from "../plan/same-plan.ts";
import type { Evaluation } from "./evaluation.ts";
import { type At, BaseIsNeeded } from "./stage-work.ts";
import type { Instruction } from "./syntax.ts";

/**
 * Plans a layer of what an instruction listed, and lays it on the stage's files. With `alone` it does not depend on what is
 * there. Throws BaseIsNeeded, BuildError.
 */
export async function layEntries(
  { request, created, plans, warn }: Evaluation,
  instruction: Instruction,
  listed: readonly ListedEntry[],
  at: At,
  alone = false,
): Promise<void> {
  const { work } = at;
  lookAtBase(listed, at);
  const accounts = await readAccounts(listed, work.layers, work.base, { signal: request.signal });
  const mtime = request.sourceDateEpoch ?? 1;
  const lower = alone ? nothing : work.lower;
  const made = planLayer({ name: instruction.text, listed, remove: [], lower, accounts, mtime });
  for (const message of made.warnings) warn(at, message);
  let known = plans.get(instruction);
  if (known === undefined) plans.set(instruction, (known = []));
  const plan = known.find((one) => isSamePlan(one, made.plan)) ?? made.plan;
  if (plan === made.plan) known.push(plan);
  work.note(instruction.text, created, plan);
}

/** Throws BaseIsNeeded where a base in a registry has a say in what becomes of these. */
export function lookAtBase(listed: readonly ListedEntry[], { work: { base, known } }: At): void {
  if (base !== undefined && !known && needsBaseFiles(listed, base.image.config)) throw new BaseIsNeeded();
}
