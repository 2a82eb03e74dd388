import type { Options } from "yargs";
import type { Flags } from "../flags.ts";
import { UsageError } from "../usage.ts";

/** The flag that says where a server looks for what it serves. */
export const appRootOptions: Readonly<Record<string, Options>> = {
  "app-root": {
    describe: "folder in the image that the base serves; default: that of jetty, nginx, caddy or httpd",
    group: "For wars and static sites:",
    type: "string",
    requiresArg: true,
  },
};

/** Throws UsageError. */
export function appRootOf(flags: Flags): string | undefined {
  const appRoot = flags.text("app-root");
  if (appRoot !== undefined && !appRoot.startsWith("/"))
    throw new UsageError(`Cannot use --app-root "${appRoot}": expected an absolute path in the image`);
  return appRoot;
}
