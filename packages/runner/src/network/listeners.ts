import { readdir, readFile, readlink } from "node:fs/promises";

/** A socket that takes what is sent to a port. */
export interface Listener {
  readonly port: number;
  /** Of the socket; links in /proc/PID/fd name it. */
  readonly inode: string;
}

const listening = "0A"; // TCP_LISTEN
const unconnected = "07"; // TCP_CLOSE, which for UDP is any socket that is not connected

/** The listening sockets of a /proc/net/tcp, tcp6, udp or udp6. */
export function parseListeners(table: string): readonly Listener[] {
  return table
    .trim()
    .split("\n")
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , , state]) => state === listening || state === unconnected)
    .map(([, local = "", , , , , , , , inode = ""]) => ({
      port: Number.parseInt(local.replace(/^.*:/, ""), 16),
      inode,
    }));
}

/** The process that listens on a port, when this one may look: "nginx (process 812)". */
export async function whoListens(protocol: "tcp" | "udp", port: number): Promise<string | undefined> {
  const tables = await Promise.all([`/proc/net/${protocol}`, `/proc/net/${protocol}6`].map(read));
  const found = tables.flatMap(parseListeners).filter((socket) => socket.port === port);
  const sockets = new Set(found.map(({ inode }) => `socket:[${inode}]`));
  if (sockets.size === 0) return undefined;
  for (const pid of await readdir("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    const folder = `/proc/${pid}/fd`;
    for (const file of await readdir(folder).catch(() => []))
      if (sockets.has(await readlink(`${folder}/${file}`).catch(() => "")))
        return `${(await read(`/proc/${pid}/comm`)).trim()} (process ${pid})`;
  }
  return undefined;
}

/** What is gone by now, or another's, is empty. */
async function read(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch {
    return "";
  }
}
