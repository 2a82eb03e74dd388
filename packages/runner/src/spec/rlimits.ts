import type { Ulimit } from "../run-spec.ts";

declare global {
  interface JSON {
    /** TC39's JSON.parse source text access: in Node since 21, not yet in TypeScript's library. */
    rawJSON(text: string): object;
  }
}

/** The `process.rlimits` of a runtime spec (config.md §POSIX process), to be written by JSON.stringify. */
export function rlimitSpec(limits: readonly Ulimit[]): readonly object[] {
  return limits.map(({ name, soft, hard }) => ({
    type: `RLIMIT_${name.toUpperCase()}`,
    soft: limitOf(soft),
    hard: limitOf(hard),
  }));
}

/** RLIM_INFINITY is a number that no double is. */
function limitOf(value: number): number | object {
  return value === -1 ? JSON.rawJSON("18446744073709551615") : value;
}
