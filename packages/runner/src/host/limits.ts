/** A limit of setrlimit(2); -1 is unlimited. */
export interface ProcessLimit {
  readonly soft: number;
  readonly hard: number;
}

// The names that /proc/PID/limits has for the limits of setrlimit(2).
const titles: Readonly<Record<string, string>> = {
  "Max cpu time": "cpu",
  "Max file size": "fsize",
  "Max data size": "data",
  "Max stack size": "stack",
  "Max core file size": "core",
  "Max resident set": "rss",
  "Max processes": "nproc",
  "Max open files": "nofile",
  "Max locked memory": "memlock",
  "Max address space": "as",
  "Max file locks": "locks",
  "Max pending signals": "sigpending",
  "Max msgqueue size": "msgqueue",
  "Max nice priority": "nice",
  "Max realtime priority": "rtprio",
  "Max realtime timeout": "rttime",
};

/** The limits that /proc/PID/limits tells, by the name of setrlimit(2) in lower case: `nofile`. */
export function parseLimits(text: string): Readonly<Record<string, ProcessLimit>> {
  const limits: Record<string, ProcessLimit> = {};
  for (const [title, name] of Object.entries(titles)) {
    const [, soft, hard] = new RegExp(`^${title}\\s+(\\S+)\\s+(\\S+)`, "m").exec(text) ?? [];
    if (soft !== undefined && hard !== undefined) limits[name] = { soft: amount(soft), hard: amount(hard) };
  }
  return limits;
}

function amount(text: string): number {
  return text === "unlimited" ? -1 : Number(text);
}
