import { UsageError } from "./usage.ts";

const sizes: Readonly<Record<string, number>> = {
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

/** Bytes of a flag's `5GB` or `4GiB`. Throws UsageError. */
export function parseSize(flag: string, text: string): number {
  return Math.floor(parseQuantity(flag, text, sizes, "a number and kB, MB, GB or TB, or KiB to TiB, as in 5GB"));
}

/** A flag's number and unit. Throws UsageError, which says what was `expected`. */
export function parseQuantity(
  flag: string,
  text: string,
  units: Readonly<Record<string, number>>,
  expected: string,
): number {
  const match = /^(\d+(?:\.\d+)?)\s*([A-Za-z]+)$/.exec(text);
  const unit = units[match?.[2] ?? ""];
  if (match === null || unit === undefined)
    throw new UsageError(`Cannot read --${flag} ${JSON.stringify(text)}: expected ${expected}`);
  return Number(match[1]) * unit;
}
