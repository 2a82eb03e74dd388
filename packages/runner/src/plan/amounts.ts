import { RunnerError } from "../errors.ts";

/** A number above 0. Throws RunnerError SPEC. */
export function positive(name: string, value: number | undefined): number | undefined {
  if (value === undefined || (Number.isFinite(value) && value > 0)) return value;
  throw new RunnerError("SPEC", `Cannot use ${name} ${value}: expected a number above 0`);
}

/** A whole number that is at least `least`, and exact. Throws RunnerError SPEC. */
export function whole(name: string, value: number | undefined, least = 1): number | undefined {
  if (value === undefined || (Number.isSafeInteger(value) && value >= least)) return value;
  throw new RunnerError("SPEC", `Cannot use ${name} ${value}: expected a whole number from ${least} on`);
}
