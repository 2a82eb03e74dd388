import type { Flags } from "../flags.ts";
import { UsageError } from "../usage.ts";

/** What `-a KEY=VALUE` says, given as often as there are. Throws UsageError. */
export function annotationsFrom(flags: Flags): Readonly<Record<string, string>> {
  return Object.fromEntries(
    flags.list("annotations").map((text) => {
      const at = text.indexOf("=");
      if (at < 1) throw new UsageError(`Cannot use --annotations "${text}": expected KEY=VALUE`);
      return [text.slice(0, at), text.slice(at + 1)];
    }),
  );
}
