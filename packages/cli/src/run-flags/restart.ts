import type { RestartPolicy } from "@lading/runner";
import { parseInteger } from "./amounts.ts";
import { known, misread } from "./misread.ts";

/** `no`, `always`, `unless-stopped` or `on-failure[:TIMES]`, as docker's `--restart`. Throws UsageError. */
export function parseRestart(text: string): RestartPolicy {
  const flag = "restart";
  const colon = text.indexOf(":");
  const name = known({ flag, value: text, what: "policy" }, colon === -1 ? text : text.slice(0, colon), [
    "no",
    "always",
    "on-failure",
    "unless-stopped",
  ]);
  if (colon === -1) return { name };
  if (name !== "on-failure") throw misread(flag, text, "only on-failure has a number of times");
  return { name, maximum: parseInteger(flag, text.slice(colon + 1), 0) };
}
