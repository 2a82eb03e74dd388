import { existsSync } from "node:fs";
import { join } from "node:path";

/** Whether a container has, or may have, something of the bridge: see `BridgeNetwork`. */
export function isAttached(root: string, id: string): boolean {
  return existsSync(join(root, "network/attached", id));
}
