import { homedir } from "node:os";
import { isAbsolute, join, resolve } from "node:path";

/** Where layers and what is known of earlier builds are kept: `LADING_CACHE_DIR`, else `$XDG_CACHE_HOME/lading`. */
export function cacheFolder(given?: string, env: NodeJS.ProcessEnv = process.env): string {
  if (given !== undefined) return resolve(given);
  const own = env["LADING_CACHE_DIR"];
  if (own !== undefined && own !== "") return resolve(own);
  const base = env["XDG_CACHE_HOME"];
  // The XDG specification has relative paths ignored.
  return join(base !== undefined && isAbsolute(base) ? base : join(homedir(), ".cache"), "lading");
}
