/*
 * A program that runs inside a container and tells what the kernel lets it see and do, so that
 * engines can be compared: `/bin/probe` of the probe image, and the reader of what it wrote.
 */

/** Paths that profiles mask or make read-only, and some that they must not. */
const probedPaths = [
  "/",
  "/dev/shm",
  "/proc/acpi",
  "/proc/asound",
  "/proc/bus",
  "/proc/fs",
  "/proc/interrupts",
  "/proc/irq",
  "/proc/kcore",
  "/proc/keys",
  "/proc/latency_stats",
  "/proc/sched_debug",
  "/proc/scsi",
  "/proc/sys",
  "/proc/sysrq-trigger",
  "/proc/timer_list",
  "/proc/timer_stats",
  "/sys",
  "/sys/dev/block",
  "/sys/devices/virtual/powercap",
  "/sys/firmware",
  "/sys/fs/cgroup",
  "/sys/fs/selinux",
  "/tmp",
] as const;

const sysctls = [
  "kernel/domainname",
  "kernel/msgmax",
  "net/core/somaxconn",
  "net/ipv4/ip_forward",
  "net/ipv4/ip_unprivileged_port_start",
  "net/ipv4/ping_group_range",
];

/** What is tried, each with its exit code in the report; harmless where it succeeds, on the host's own namespaces too. */
const attempts: Readonly<Record<string, string>> = {
  "change an owner": "touch /tmp/probe-file && chown 7 /tmp/probe-file",
  "make a device": "mknod /tmp/probe-null c 1 3",
  "read a device that was not given": "mknod /tmp/probe-disk b 254 0 && head -c 1 /tmp/probe-disk",
  "mount a tmpfs": "mount -t tmpfs none /tmp",
  "make the root writable": "mount -o remount,rw /",
  "make /proc/sys writable": "mount -o remount,bind,rw /proc/sys",
  "make a user namespace": "unshare -U true",
  "make a mount namespace": "unshare -m true",
  "change the root": "chroot / true",
  "open a raw socket": "ping -c 1 -W 1 127.0.0.1",
  "set the host name": 'hostname "$(hostname)"',
  "lower the nice value": "busybox renice -n -1 -p $$",
  "read the kernel's log": "busybox dmesg",
};

/** Writes sections that begin with a line `@@ NAME`. busybox's sh and applets are all that it needs. */
export const probeScript = `#!/bin/sh
section() { echo "@@ $1"; }
section namespaces; for kind in /proc/self/ns/*; do echo "\${kind##*/} $(readlink $kind)"; done
section status; cat /proc/self/status
section uid_map; cat /proc/self/uid_map
section gid_map; cat /proc/self/gid_map
section limits; cat /proc/self/limits
section mountinfo; cat /proc/self/mountinfo
section cgroup; cat /proc/self/cgroup
section controls
for file in memory/memory.limit_in_bytes memory/memory.memsw.limit_in_bytes memory/memory.soft_limit_in_bytes cpu/cpu.cfs_quota_us cpu/cpu.cfs_period_us cpu/cpu.shares cpuset/cpuset.cpus pids/pids.max memory.max memory.swap.max memory.low cpu.max cpu.weight cpuset.cpus pids.max; do
  [ -f /sys/fs/cgroup/$file ] && echo "$file $(cat /sys/fs/cgroup/$file)"
done
section environ; tr '\\0' '\\n' </proc/$$/environ
section cwd; readlink /proc/$$/cwd
section ids; id
section hostname; hostname
section hosts; cat /etc/hosts
section resolv; cat /etc/resolv.conf
section umask; umask
section oom_score_adj; cat /proc/self/oom_score_adj
section sysctls; for name in ${sysctls.join(" ")}; do echo "$name $(cat /proc/sys/$name 2>/dev/null | tr '\\t' ' ')"; done
section devices; for file in /dev/*; do stat -c '%n %F %a %t:%T %u:%g' $file; done
section paths
for path in ${probedPaths.join(" ")}; do
  [ -e $path ] || { echo "$path absent"; continue; }
  if [ -d $path ]; then kind=folder:$(ls -A $path 2>/dev/null | head -1 | wc -l)
  elif [ -c $path ]; then kind=device
  else kind=file; fi
  # busybox asks the mode alone whether a file is writable; the kernel knows its mount.
  case $(touch -c $path 2>&1) in *Read-only*) echo "$path $kind readonly" ;; *) echo "$path $kind writable" ;; esac
done
section descriptors; ls -l /proc/$$/fd
section interfaces; for file in /sys/class/net/*; do [ -e $file ] && echo "\${file##*/} $(ip -o link show \${file##*/} | grep -q '[<,]UP[,>]' && echo up || echo down)"; done
section session; cut -d ' ' -f 1,5,6,7 /proc/$$/stat
section processes; ls /proc | grep -c '^[0-9]'
section apparmor; cat /proc/self/attr/current 2>/dev/null
section attempts
${Object.entries(attempts)
  .map(([what, command]) => `(${command}) >/dev/null 2>&1; echo "$? ${what}"`)
  .join("\n")}
section end
`;

/** What the probe saw. */
export interface ProbeReport {
  /** The lines of a section. */
  readonly lines: (section: string) => readonly string[];
  /** Inodes of namespaces by kind. */
  readonly namespaces: Readonly<Record<string, number>>;
  /** /proc/self/status, by name and without padding: `CapEff`, `NoNewPrivs`, `Seccomp`. */
  readonly status: Readonly<Record<string, string>>;
  /** `[inside, outside, size]` of each line. */
  readonly uidMap: readonly (readonly number[])[];
  readonly gidMap: readonly (readonly number[])[];
  /** Limits of setrlimit(2) by the kernel's names: `Max open files` to `[soft, hard]`. */
  readonly limits: Readonly<Record<string, readonly string[]>>;
  readonly mounts: readonly ProbeMount[];
  /** Files of the cgroup's controllers, with what they hold. */
  readonly controls: Readonly<Record<string, string>>;
  readonly env: readonly string[];
  readonly sysctls: Readonly<Record<string, string>>;
  /** Of `probedPaths`: "folder:0 readonly" is an empty one that cannot be written to. */
  readonly paths: Readonly<Record<string, string>>;
  /** Exit codes of what was tried. */
  readonly attempts: Readonly<Record<string, string>>;
}

export interface ProbeMount {
  readonly destination: string;
  readonly type: string;
  /** The part of the file system that is mounted. */
  readonly root: string;
  readonly options: readonly string[];
  readonly superOptions: readonly string[];
  /** `shared:1`, `master:1`. */
  readonly propagation: readonly string[];
}

/** Reads what `/bin/probe` wrote. Throws Error when it did not come to its end. */
export function parseProbe(text: string): ProbeReport {
  const sections = new Map<string, string[]>();
  let current: string[] = [];
  for (const line of text.trimEnd().split("\n"))
    if (line.startsWith("@@ ")) sections.set(line.slice(3), (current = []));
    else current.push(line);
  if (!sections.has("end"))
    throw new Error(`Cannot read the probe's report: it ends after ${JSON.stringify(text.slice(-200))}`);
  const lines = (section: string): readonly string[] => sections.get(section) ?? [];
  const words = (section: string): Readonly<Record<string, string>> =>
    Object.fromEntries(lines(section).map((line) => split(line, " ")));
  const numbers = (section: string): readonly (readonly number[])[] =>
    lines(section).map((line) => line.trim().split(/\s+/).map(Number));
  return {
    lines,
    namespaces: Object.fromEntries(
      Object.entries(words("namespaces")).map(([kind, link]) => [kind, Number(/\[(\d+)\]/.exec(link)?.[1])]),
    ),
    status: Object.fromEntries(lines("status").map((line) => split(line.replaceAll(/\s+/g, " "), ":"))),
    uidMap: numbers("uid_map"),
    gidMap: numbers("gid_map"),
    limits: Object.fromEntries(
      lines("limits")
        .slice(1)
        .map((line) => {
          const [name = "", soft = "", hard = ""] = line.split(/\s{2,}/);
          return [name, [soft, hard]];
        }),
    ),
    mounts: lines("mountinfo").map(parseMount),
    controls: words("controls"),
    env: lines("environ").filter((line) => line !== ""),
    sysctls: words("sysctls"),
    paths: words("paths"),
    attempts: Object.fromEntries(
      lines("attempts").map((line) => {
        const [code, what] = split(line, " ");
        return [what, code];
      }),
    ),
  };
}

/** A line of /proc/PID/mountinfo (proc_pid_mountinfo(5)). */
function parseMount(line: string): ProbeMount {
  const [before = "", after = ""] = line.split(" - ");
  const [, , , root = "", destination = "", options = "", ...propagation] = before.split(" ");
  const [type = "", , superOptions = ""] = after.split(" ");
  return { destination, type, root, options: sorted(options), superOptions: sorted(superOptions), propagation };
}

function sorted(list: string): readonly string[] {
  return list.split(",").toSorted();
}

function split(line: string, separator: string): [string, string] {
  const at = line.indexOf(separator);
  return at === -1 ? [line, ""] : [line.slice(0, at), line.slice(at + 1).trim()];
}
