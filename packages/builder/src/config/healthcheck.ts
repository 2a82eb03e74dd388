import type { Healthcheck } from "@lading/oci";
import { BuildError } from "../errors.ts";
import type { BuildSpec } from "../spec.ts";

type HealthcheckSpec = NonNullable<BuildSpec["healthcheck"]>;

/**
 * A health check as BuildKit writes it: "CMD" and arguments, "CMD-SHELL" and a string, or "NONE",
 * which switches the base's off; times in nanoseconds, and none where the engine's default is
 * wanted. Throws BuildError SPEC.
 */
export function toHealthcheck(spec: HealthcheckSpec): Healthcheck {
  if (spec === "none") return { Test: ["NONE"] };
  const { test, interval, timeout, startPeriod, startInterval, retries = 0 } = spec;
  if (test.length === 0) throw new BuildError("SPEC", "Cannot set the healthcheck: test is empty");
  const times = {
    Interval: nanoseconds("interval", interval),
    Timeout: nanoseconds("timeout", timeout),
    StartPeriod: nanoseconds("startPeriod", startPeriod),
    StartInterval: nanoseconds("startInterval", startInterval),
    Retries: retries,
  };
  const given = Object.entries(times).filter(([, value]) => value !== 0);
  return { Test: typeof test === "string" ? ["CMD-SHELL", test] : ["CMD", ...test], ...Object.fromEntries(given) };
}

function nanoseconds(name: string, value: string | number | undefined): number {
  if (value === undefined) return 0;
  const result = typeof value === "number" ? value * 1e9 : parseDuration(value);
  if (result === undefined || !Number.isFinite(result))
    throw new BuildError("SPEC", `Cannot read the healthcheck's ${name} "${value}": expected a duration`, {
      hint: 'Write seconds, or a duration like "1m30s"',
    });
  // Docker's rule: 0 is the default, anything shorter than this a mistake.
  if (result !== 0 && result < 1e6)
    throw new BuildError("SPEC", `Cannot use the healthcheck's ${name} "${value}": it is less than 1ms`);
  return Math.round(result);
}

const units: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 6e10,
  h: 3.6e12,
};

/** Nanoseconds of a duration as Go's time.ParseDuration reads it; undefined when it is none. */
function parseDuration(text: string): number | undefined {
  if (/^[+-]?0$/.test(text)) return 0;
  const match = /^([+-]?)((?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)$/.exec(text);
  if (match === null) return undefined;
  let total = 0;
  for (const [, number, unit] of (match[2] ?? "").matchAll(/(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g))
    total += Number(number) * (units[unit ?? ""] ?? 0);
  return match[1] === "-" ? -total : total;
}
