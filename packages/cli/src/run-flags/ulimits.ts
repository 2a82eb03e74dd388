import type { Ulimit } from "@lading/runner";
import { known, misread } from "./misread.ts";

/** The resources of setrlimit(2). */
const names = [
  "as",
  "core",
  "cpu",
  "data",
  "fsize",
  "locks",
  "memlock",
  "msgqueue",
  "nice",
  "nofile",
  "nproc",
  "rss",
  "rtprio",
  "rttime",
  "sigpending",
  "stack",
] as const;

/** `NAME=SOFT[:HARD]`, as docker's `--ulimit`; -1 and `unlimited` are no limit. Throws UsageError. */
export function parseUlimit(text: string): Ulimit {
  const flag = "ulimit";
  const [name = "", limits, ...more] = text.split("=");
  const [soft = "", hard = soft, ...rest] = (limits ?? "").split(":");
  if (limits === undefined || more.length + rest.length > 0)
    throw misread(flag, text, "expected NAME=SOFT[:HARD]", "For instance nofile=1024:4096");
  const limit = {
    name: known({ flag, value: text, what: "limit" }, name.toLowerCase().replace(/^rlimit_/, ""), names),
    soft: amount(text, soft),
    hard: amount(text, hard),
  };
  if (limit.hard !== -1 && (limit.soft === -1 || limit.soft > limit.hard))
    throw misread(flag, text, "the soft limit is above the hard one");
  return limit;
}

function amount(text: string, written: string): number {
  if (written === "unlimited" || written === "-1") return -1;
  if (/^\d{1,15}$/.test(written)) return Number(written);
  throw misread("ulimit", text, `"${written}" is no limit, expected a number, or -1 for none`);
}
