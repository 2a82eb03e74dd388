import { readFileSync } from "node:fs";

/**
 * What the kernel says of a process in /proc/PID/stat (proc_pid_stat(5)), from the third field on, its
 * state; undefined when there is none of that number, or only the remains of one (a zombie).
 */
export function processStat(pid: number): readonly string[] | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch {
    return undefined;
  }
  // The second field is the program's name in parentheses, and may hold spaces and parentheses itself.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [state = ""] = fields;
  return state === "Z" || state === "X" ? undefined : fields;
}
