import type { Options } from "yargs";
import type { Flags } from "../flags.ts";
import { UsageError } from "../usage.ts";

/** The flags that have a meaning for build files of Jib only. */
export const jibOptions: Readonly<Record<string, Options>> = {
  parameter: {
    describe: "NAME=VALUE, for ${NAME} in a jib.yaml",
    alias: "p",
    group: "For build files of Jib:",
    type: "string",
    requiresArg: true,
    array: true,
  },
};

/** Values for the variables of a build file, by name. Throws UsageError. */
export function jibParameters(flags: Flags): Readonly<Record<string, string>> {
  return Object.fromEntries(
    flags.list("parameter").map((value) => {
      const equals = value.indexOf("=");
      if (equals <= 0) throw new UsageError(`Cannot read --parameter "${value}": expected NAME=VALUE`);
      return [value.slice(0, equals), value.slice(equals + 1)];
    }),
  );
}
