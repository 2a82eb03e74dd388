import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** One run of a command and all it started. */
export interface Measurement {
  /** Seconds on the wall. */
  readonly wall: number;
  /** Seconds of processor time, user and system; undefined where GNU time is not installed. */
  readonly cpu: number | undefined;
  /** Bytes of memory of the largest process; undefined where GNU time is not installed. */
  readonly memory: number | undefined;
  /** Bytes that came out. */
  readonly size: number | undefined;
}

export const hasTime: boolean = existsSync("/usr/bin/time");

/** Run a command to its end. Throws, with what it said, when it fails. */
export function measure(argv: readonly string[], cwd: string, output?: string): Measurement {
  const folder = mkdtempSync(join(tmpdir(), "lading-time-"));
  try {
    const report = join(folder, "time");
    const [command = "", ...rest] = hasTime ? ["/usr/bin/time", "-o", report, "-f", "%U %S %M", ...argv] : argv;
    const begun = performance.now();
    const result = spawnSync(command, rest, { cwd, encoding: "utf8", maxBuffer: 1 << 26 });
    const wall = (performance.now() - begun) / 1000;
    if (result.status !== 0) {
      throw new Error(`Cannot measure ${argv.join(" ")}: ${result.error?.message ?? result.stderr.slice(-2000)}`);
    }
    const [user, system, kilobytes] = hasTime ? readFileSync(report, "utf8").trim().split(" ").map(Number) : [];
    return {
      wall,
      cpu: user === undefined || system === undefined ? undefined : user + system,
      memory: kilobytes === undefined ? undefined : kilobytes * 1024,
      size: output === undefined ? undefined : statSync(output).size,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}
