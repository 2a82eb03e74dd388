/** The `linux.seccomp` of a runtime spec (config-linux.md §Seccomp). */
export interface Seccomp {
  readonly defaultAction: string;
  readonly architectures?: readonly string[];
  readonly syscalls: readonly {
    readonly names: readonly string[];
    readonly action: string;
    readonly errnoRet?: number;
    readonly args?: readonly {
      readonly index: number;
      readonly value: number;
      readonly valueTwo?: number;
      readonly op: string;
    }[];
  }[];
}

const permission = 1; // EPERM
const missing = 38; // ENOSYS
/** CLONE_NEWNS | NEWCGROUP | NEWUTS | NEWIPC | NEWUSER | NEWPID | NEWNET */
const newNamespaces = 0x7e02_0000;

// What no program in a container needs and what widens the kernel's surface or reaches the host:
// the list that docker's documentation gives of what its own profile keeps out, and the calls that
// came after it was written.
const refused = [
  // Modules, kernels, time, power, swap, quotas, accounting.
  "init_module finit_module delete_module create_module query_module get_kernel_syms",
  "kexec_load kexec_file_load reboot swapon swapoff acct quotactl quotactl_fd nfsservctl syslog",
  "clock_settime clock_settime64 clock_adjtime clock_adjtime64 settimeofday stime adjtimex",
  // Mounts and namespaces.
  "mount umount umount2 pivot_root setns unshare open_by_handle_at lookup_dcookie",
  "fsopen fsconfig fsmount fspick move_mount open_tree mount_setattr",
  // Keyrings, tracing, other processes' memory, raw input and output.
  "add_key request_key keyctl bpf perf_event_open userfaultfd kcmp process_vm_readv process_vm_writev",
  "process_madvise move_pages io_uring_setup io_uring_enter io_uring_register ioperm iopl vm86 vm86old uselib",
  "sysfs _sysctl ustat vhangup sethostname setdomainname",
].flatMap((line) => line.split(" "));

/** Refuses what reaches the host or its kernel; everything else is allowed. */
export const defaultSeccomp: Seccomp = {
  defaultAction: "SCMP_ACT_ALLOW",
  architectures:
    process.arch === "arm64"
      ? ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"]
      : ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
  syscalls: [
    { names: refused, action: "SCMP_ACT_ERRNO", errnoRet: permission },
    // One rule a flag: any of them refuses the call.
    ...bitsOf(newNamespaces).map((flag) => ({
      names: ["clone"],
      action: "SCMP_ACT_ERRNO",
      errnoRet: permission,
      args: [{ index: 0, value: flag, valueTwo: flag, op: "SCMP_CMP_MASKED_EQ" }],
    })),
    // Its flags are behind a pointer, where no filter can look; told that it is missing, libc uses clone.
    { names: ["clone3"], action: "SCMP_ACT_ERRNO", errnoRet: missing },
  ],
};

function bitsOf(mask: number): readonly number[] {
  return Array.from({ length: 31 }, (_, bit) => 2 ** bit).filter((flag) => (mask & flag) !== 0);
}
