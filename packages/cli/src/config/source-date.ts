import { UsageError } from "../usage.ts";

/** Seconds that SOURCE_DATE_EPOCH asks for (reproducible-builds.org). Throws UsageError when it is no whole number. */
export function sourceDateEpoch(env: NodeJS.ProcessEnv = process.env): number | undefined {
  const value = env["SOURCE_DATE_EPOCH"];
  if (value === undefined || value === "") return undefined;
  if (!/^\d{1,12}$/.test(value))
    throw new UsageError(`Cannot use SOURCE_DATE_EPOCH="${value}": expected seconds since 1970`);
  return Number(value);
}
