import { misread } from "./misread.ts";

const powers: Readonly<Record<string, number>> = { "": 0, k: 1, m: 2, g: 3, t: 4, p: 5 };

/** Bytes as docker reads them: a number with an optional b, k, m, g, t or p, all of them binary. Throws UsageError. */
export function parseBytes(flag: string, text: string): number {
  const [, amount, unit = ""] = /^(\d+(?:\.\d+)?) ?([kmgtp]?)i?b?$/i.exec(text) ?? [];
  if (amount === undefined) throw misread(flag, text, "expected bytes, as in 512m or 2g");
  const bytes = Math.floor(Number(amount) * 1024 ** (powers[unit.toLowerCase()] ?? 0));
  if (!Number.isSafeInteger(bytes)) throw misread(flag, text, "that is more than any machine has");
  return bytes;
}

/** Bytes of a limit, of which docker's 0 is none at all. */
export function parseLimit(flag: string, text: string): number | undefined {
  const bytes = parseBytes(flag, text);
  return bytes === 0 ? undefined : bytes;
}

/** A whole number of at least `least`. */
export function parseInteger(
  flag: string,
  text: string,
  least: number,
  most: number = Number.MAX_SAFE_INTEGER,
): number {
  const value = /^-?\d+$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(value) && value >= least && value <= most) return value;
  const range = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`;
  throw misread(flag, text, `expected a whole number ${range}`);
}

/** Processors, 1.5 for one and a half; 0 is no limit. */
export function parseCpus(text: string): number | undefined {
  const value = /^\d*\.?\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isFinite(value)) throw misread("cpus", text, "expected a number of processors, as in 1.5");
  return value === 0 ? undefined : value;
}

/** `--cpuset-cpus`: "0-1,3". */
export function parseCpuset(text: string): string {
  if (/^\d+(?:-\d+)?(?:,\d+(?:-\d+)?)*$/.test(text)) return text;
  throw misread("cpuset-cpus", text, "expected numbers of processors and ranges of them, as in 0-1,3");
}
