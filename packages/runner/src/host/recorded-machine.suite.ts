import { mkdir, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { temporaryFolder } from "@lading/testkit";

/**
 * Files as machines have them below /proc and /sys, for machines that are not here: by path, a text,
 * or `-> target` for a symbolic link.
 */
export type Recording = Readonly<Record<string, string>>;

/** A folder that stands for a machine's root; gone when it is disposed of. */
export async function recordedMachine(
  ...recordings: readonly Recording[]
): Promise<AsyncDisposable & { readonly root: string }> {
  const folder = await temporaryFolder();
  const files = new Map(recordings.flatMap((recording) => Object.entries(recording)));
  for (const [path, text] of files) {
    const file = join(folder.path, path);
    await mkdir(dirname(file), { recursive: true });
    if (text.startsWith("-> ")) await symlink(text.slice(3), file);
    else await writeFile(file, text);
  }
  return { root: folder.path, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}

const status = `State:\tR (running)
CapBnd:\t000001ffffffffff
`;
const limits = `Limit                     Soft Limit           Hard Limit           Units
Max processes             63304                63304                processes
Max open files            1024                 524288               files
Max cpu time              unlimited            unlimited            seconds
`;
const self: Recording = {
  "proc/self/status": status,
  "proc/self/limits": limits,
  "proc/self/ns/net": "-> net:[4026531833]",
  "proc/self/ns/user": "-> user:[4026531837]",
  "proc/self/ns/uts": "-> uts:[4026531838]",
  "proc/sys/user/max_user_namespaces": "63304\n",
};

/** Debian 12 with systemd: pure v2. Process 42 is a container that podman made, 7 a shell of the host. */
export const unifiedMachine: Recording = {
  ...self,
  "proc/self/ns/time": "-> time:[4026531834]",
  "run/systemd/private": "",
  "proc/self/mountinfo": `22 28 0:21 / /sys rw,nosuid,nodev,noexec,relatime shared:7 - sysfs sysfs rw
23 28 0:22 / /proc rw,nosuid,nodev,noexec,relatime shared:13 - proc proc rw
28 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw,errors=remount-ro
30 22 0:26 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot
`,
  "proc/self/cgroup": "0::/user.slice/user-1000.slice/session-3.scope\n",
  "proc/42/cgroup": "0::/machine.slice/libpod-8f3c.scope/container\n",
  "sys/fs/cgroup/cgroup.controllers": "cpuset cpu io memory hugetlb pids rdma misc\n",
  "sys/fs/cgroup/user.slice/user-1000.slice/session-3.scope/cgroup.procs": "700\n",
  "sys/fs/cgroup/machine.slice/memory.max": "max\n",
  "sys/fs/cgroup/machine.slice/pids.max": "max\n",
  "sys/fs/cgroup/machine.slice/libpod-8f3c.scope/memory.max": "67108864\n",
  "sys/fs/cgroup/machine.slice/libpod-8f3c.scope/memory.swap.max": "0\n",
  "sys/fs/cgroup/machine.slice/libpod-8f3c.scope/pids.max": "2048\n",
  "sys/fs/cgroup/machine.slice/libpod-8f3c.scope/cpu.max": "50000 100000\n",
  "sys/fs/cgroup/machine.slice/libpod-8f3c.scope/cpuset.cpus": "0-1\n",
  "sys/fs/cgroup/machine.slice/libpod-8f3c.scope/container/memory.max": "max\n",
  "sys/fs/cgroup/machine.slice/libpod-8f3c.scope/container/memory.swap.max": "max\n",
  "sys/fs/cgroup/machine.slice/libpod-8f3c.scope/container/pids.max": "max\n",
  "sys/fs/cgroup/machine.slice/libpod-8f3c.scope/container/cpu.max": "max 100000\n",
  "sys/fs/cgroup/machine.slice/libpod-8f3c.scope/container/cpuset.cpus": "\n",
  "sys/fs/cgroup/machine.slice/libpod-8f3c.scope/container/memory.current": "12582912\n",
  "sys/fs/cgroup/machine.slice/libpod-8f3c.scope/container/memory.stat":
    "anon 4194304\nfile 8388608\ninactive_anon 0\nactive_anon 4194304\ninactive_file 2097152\nactive_file 6291456\n",
  "sys/fs/cgroup/machine.slice/libpod-8f3c.scope/container/memory.events":
    "low 0\nhigh 0\nmax 31\noom 1\noom_kill 1\noom_group_kill 0\n",
  "sys/fs/cgroup/machine.slice/libpod-8f3c.scope/container/pids.current": "3\n",
  "sys/fs/cgroup/machine.slice/libpod-8f3c.scope/container/cpu.stat":
    "usage_usec 1500\nuser_usec 1000\nsystem_usec 500\nnr_periods 3\nnr_throttled 0\nthrottled_usec 0\n",
  "sys/fs/cgroup/machine.slice/libpod-8f3c.scope/container/io.stat":
    "254:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=0 dios=0\n254:16 rbytes=1024 wbytes=0 rios=1 wios=0 dbytes=0 dios=0\n",
};

/** CentOS 7: v1 alone, two controllers on one hierarchy. Process 42 is a container that docker made. */
export const legacyMachine: Recording = {
  ...self,
  "proc/sys/user/max_user_namespaces": "0\n",
  "proc/self/mountinfo": `17 60 0:16 / /sys rw,nosuid,nodev,noexec,relatime shared:6 - sysfs sysfs rw
18 60 0:3 / /proc rw,nosuid,nodev,noexec,relatime shared:5 - proc proc rw
24 17 0:21 / /sys/fs/cgroup ro,nosuid,nodev,noexec shared:8 - tmpfs tmpfs ro,mode=755
25 24 0:22 / /sys/fs/cgroup/systemd rw,nosuid,nodev,noexec,relatime shared:9 - cgroup cgroup rw,xattr,release_agent=/usr/lib/systemd/systemd-cgroups-agent,name=systemd
27 24 0:24 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid,nodev,noexec,relatime shared:11 - cgroup cgroup rw,cpuacct,cpu
28 24 0:25 / /sys/fs/cgroup/memory rw,nosuid,nodev,noexec,relatime shared:12 - cgroup cgroup rw,memory
29 24 0:26 / /sys/fs/cgroup/pids rw,nosuid,nodev,noexec,relatime shared:13 - cgroup cgroup rw,pids
30 24 0:27 / /sys/fs/cgroup/cpuset rw,nosuid,nodev,noexec,relatime shared:14 - cgroup cgroup rw,cpuset
31 24 0:28 / /sys/fs/cgroup/blkio rw,nosuid,nodev,noexec,relatime shared:15 - cgroup cgroup rw,blkio
60 1 253:0 / / rw,relatime shared:1 - xfs /dev/mapper/centos-root rw,attr2,inode64,noquota
`,
  "proc/self/cgroup":
    "6:blkio:/\n5:cpuset:/\n4:pids:/\n3:memory:/\n2:cpuacct,cpu:/\n1:name=systemd:/user.slice/user-0.slice/session-1.scope\n",
  "proc/42/cgroup":
    "6:blkio:/docker/5d1e\n5:cpuset:/docker/5d1e\n4:pids:/docker/5d1e\n3:memory:/docker/5d1e\n2:cpuacct,cpu:/docker/5d1e\n1:name=systemd:/docker/5d1e\n",
  "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
  "sys/fs/cgroup/memory/docker/memory.limit_in_bytes": "9223372036854771712\n",
  "sys/fs/cgroup/memory/docker/5d1e/memory.limit_in_bytes": "134217728\n",
  "sys/fs/cgroup/memory/docker/5d1e/memory.memsw.limit_in_bytes": "268435456\n",
  "sys/fs/cgroup/memory/docker/5d1e/memory.usage_in_bytes": "10485760\n",
  "sys/fs/cgroup/memory/docker/5d1e/memory.stat":
    "cache 4194304\nrss 2097152\ninactive_file 1\nhierarchical_memory_limit 134217728\ntotal_inactive_file 1048576\n",
  "sys/fs/cgroup/memory/docker/5d1e/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n",
  "sys/fs/cgroup/pids/docker/5d1e/pids.max": "max\n",
  "sys/fs/cgroup/pids/docker/5d1e/pids.current": "2\n",
  "sys/fs/cgroup/cpu,cpuacct/docker/5d1e/cpu.cfs_quota_us": "150000\n",
  "sys/fs/cgroup/cpu,cpuacct/docker/5d1e/cpu.cfs_period_us": "100000\n",
  "sys/fs/cgroup/cpu,cpuacct/docker/cpu.cfs_quota_us": "-1\n",
  "sys/fs/cgroup/cpu,cpuacct/docker/cpu.cfs_period_us": "100000\n",
  "sys/fs/cgroup/cpu,cpuacct/docker/5d1e/cpuacct.usage": "1500000\n",
  "sys/fs/cgroup/cpuset/cpuset.cpus": "0-3\n",
  "sys/fs/cgroup/cpuset/docker/cpuset.cpus": "0-3\n",
  "sys/fs/cgroup/cpuset/docker/5d1e/cpuset.cpus": "0-3\n",
  "sys/fs/cgroup/blkio/docker/5d1e/blkio.throttle.io_service_bytes_recursive":
    "253:0 Read 4096\n253:0 Write 8192\n253:0 Sync 0\n253:0 Async 12288\n253:0 Total 12288\nTotal 12288\n",
};

/** Debian 11 booted with systemd.unified_cgroup_hierarchy=false: v1, and systemd's own processes on v2. */
export const hybridMachine: Recording = {
  ...legacyMachine,
  "proc/self/mountinfo": `${legacyMachine["proc/self/mountinfo"] ?? ""}32 24 0:29 / /sys/fs/cgroup/unified rw,nosuid,nodev,noexec,relatime shared:10 - cgroup2 cgroup2 rw,nsdelegate\n`,
  "proc/self/cgroup": `${legacyMachine["proc/self/cgroup"] ?? ""}0::/user.slice/user-0.slice/session-1.scope\n`,
  "sys/fs/cgroup/unified/cgroup.controllers": "\n",
  "run/systemd/private": "",
};
