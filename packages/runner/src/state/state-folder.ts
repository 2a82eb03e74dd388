import { homedir } from "node:os";
import { isAbsolute, join, resolve } from "node:path";

/**
 * Where Lading keeps containers, images for runc and volumes: `root`, else LADING_ROOT, else
 * /var/lib/lading for root and `$XDG_DATA_HOME/lading` for others (~/.local/share/lading without it).
 */
export function stateFolder(root?: string, env: Readonly<Record<string, string | undefined>> = process.env): string {
  const named = root ?? env["LADING_ROOT"];
  if (named !== undefined && named !== "") return resolve(named);
  if (process.getuid?.() === 0) return "/var/lib/lading";
  const data = env["XDG_DATA_HOME"];
  // The XDG base directory specification: a path that is not absolute is to be ignored.
  return data !== undefined && isAbsolute(data) ? join(data, "lading") : join(homedir(), ".local/share/lading");
}
