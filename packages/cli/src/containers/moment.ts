import { UsageError } from "../usage.ts";

const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/**
 * A time as `docker logs --since` has it: RFC 3339 (date alone, local without an offset), seconds
 * since 1970, or how long ago ("10m", "1h30m"). Throws UsageError.
 */
export function parseMoment(flag: string, text: string, now: number = Date.now()): Date {
  if (/^\d+(?:\.\d+)?$/.test(text)) return new Date(Number(text) * 1000);
  if (/^(?:\d+(?:\.\d+)?(?:ms|[smhd]))+$/.test(text)) {
    const parts = text.matchAll(/(\d+(?:\.\d+)?)(ms|[smhd])/g);
    const ago = [...parts].reduce((sum, [, amount, unit = ""]) => sum + Number(amount) * (units[unit] ?? 0), 0);
    return new Date(now - ago);
  }
  // A date alone would be UTC for Date, and is local for docker.
  const time = /^\d{4}-\d{2}-\d{2}$/.test(text) ? `${text}T00:00:00` : text;
  const date = /^\d{4}-\d{2}-\d{2}T/.test(time) ? new Date(time) : new Date(Number.NaN);
  if (Number.isNaN(date.getTime()))
    throw new UsageError(`Cannot use --${flag} "${text}": expected a time`, {
      hint: "For instance 10m for ten minutes ago, or 2026-08-01T12:00:00Z",
    });
  return date;
}
