import type { JavaArchiveOptions } from "@lading/builder";
import type { Options } from "yargs";
import type { Flags } from "../flags.ts";
import { UsageError } from "../usage.ts";
import { appRootOf, appRootOptions } from "./app-root-flag.ts";

const group = "For Java archives:";

/** The flags that have a meaning for a jar or a war only; the same words as Jib's. */
export const javaOptions: Readonly<Record<string, Options>> = {
  mode: {
    describe: "exploded: what is in it, in layers (the default); packaged: the archive as it is",
    group,
    choices: ["exploded", "packaged"],
    requiresArg: true,
  },
  "jvm-flags": {
    describe: "flags of java: JSON array or shell-quoted string, or with commas as Jib has them",
    group,
    type: "string",
    requiresArg: true,
  },
  ...appRootOptions,
};

export type JavaFlags = Pick<JavaArchiveOptions, "mode" | "jvmFlags" | "appRoot">;

/** What they say; only what was given is there. Throws UsageError. */
export function javaFlags(flags: Flags): JavaFlags {
  const mode = flags.text("mode");
  const jvmFlags = flags.text("jvm-flags");
  const appRoot = appRootOf(flags);
  return {
    ...(mode === "exploded" || mode === "packaged" ? { mode } : {}),
    ...(jvmFlags === undefined ? {} : { jvmFlags: readJvmFlags(jvmFlags) }),
    ...(appRoot === undefined ? {} : { appRoot }),
  };
}

function readJvmFlags(text: string): string | string[] {
  // Values have commas too, as in -agentlib:jdwp=transport=dt_socket,server=y.
  if (/^-[^\s'"\\]+$/.test(text)) return text.split(/,(?=-)/);
  if (!text.trimStart().startsWith("[")) return text;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new UsageError(`Cannot read --jvm-flags ${JSON.stringify(text)}: it is not valid JSON`, { cause });
  }
  if (Array.isArray(value) && value.every((item) => typeof item === "string")) return value;
  throw new UsageError(`Cannot read --jvm-flags ${JSON.stringify(text)}: expected a JSON array of strings`);
}
