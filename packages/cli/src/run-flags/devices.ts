import type { DeviceRequest } from "@lading/runner";
import { misread } from "./misread.ts";

/** `SOURCE[:DESTINATION[:ACCESS]]` or `SOURCE:ACCESS`, as docker's `--device`. Throws UsageError. */
export function parseDevice(text: string): DeviceRequest {
  const flag = "device";
  const [source = "", second, third, ...more] = text.split(":");
  const [destination, access] =
    second !== undefined && third === undefined && isAccess(second) ? [undefined, second] : [second, third];
  if (!source.startsWith("/") || destination?.startsWith("/") === false || more.length > 0)
    throw misread(flag, text, "expected SOURCE[:DESTINATION[:ACCESS]], both absolute paths", "For instance /dev/fuse");
  if (access !== undefined && !isAccess(access))
    throw misread(flag, text, `"${access}" is no access, expected letters of r, w and m`);
  return {
    source,
    destination,
    access,
  };
}

function isAccess(text: string): boolean {
  return /^[rwm]{1,3}$/.test(text) && new Set(text).size === text.length;
}
