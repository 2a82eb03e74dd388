/*
 * Every system call of Linux up to 7.0 that x86 and ARM have (arch/x86/entry/syscalls,
 * include/uapi/asm-generic/unistd.h, arch/arm/tools/syscall.tbl), each in one of these lists: a test
 * holds them against the headers of the machine. docs/decisions/0012-seccomp.md says why each is where it is.
 */

/** What any program may call, whatever it passes. */
export const allowedCalls: readonly string[] = words([
  // Files and folders themselves.
  "access chdir chmod chown faccessat faccessat2 fchdir fchmod fchmodat fchmodat2 fchown fchownat fgetxattr",
  "file_getattr file_setattr flistxattr fremovexattr fsetxattr fstat fstatfs futimesat getcwd getdents",
  "getdents64 getxattr getxattrat lchown lgetxattr link linkat listmount listxattr listxattrat llistxattr",
  "lremovexattr lsetxattr lstat mkdir mkdirat mknod mknodat name_to_handle_at newfstatat readlink readlinkat",
  "removexattr removexattrat rename renameat renameat2 rmdir setxattr setxattrat stat statfs statmount statx",
  "symlink symlinkat unlink unlinkat utime utimensat utimes",
  // What files hold.
  "close close_range copy_file_range creat dup dup2 dup3 fallocate fcntl fdatasync flock fsync ftruncate ioctl",
  "lseek open openat openat2 pipe pipe2 pread64 preadv preadv2 pwrite64 pwritev pwritev2 read readv sendfile",
  "splice sync sync_file_range syncfs tee truncate vmsplice write writev",
  // Waiting for files, and for changes to them.
  "epoll_create epoll_create1 epoll_ctl epoll_pwait epoll_pwait2 epoll_wait eventfd eventfd2 fanotify_mark",
  "inotify_add_watch inotify_init inotify_init1 inotify_rm_watch io_cancel io_destroy io_getevents",
  "io_pgetevents io_setup io_submit poll ppoll pselect6 select",
  // Memory.
  "brk cachestat fadvise64 get_mempolicy madvise map_shadow_stack membarrier memfd_create memfd_secret mincore",
  "mlock mlock2 mlockall mmap mprotect mremap mseal msync munlock munlockall munmap pkey_alloc pkey_free",
  "pkey_mprotect process_mrelease readahead remap_file_pages riscv_flush_icache",
  // Processes and threads, how they are scheduled and limited.
  "arch_prctl execve execveat exit exit_group fork futex futex_requeue futex_wait futex_waitv futex_wake",
  "get_robust_list get_thread_area getcpu getpgid getpgrp getpid getppid getpriority getrandom getrlimit",
  "getrusage getsid gettid ioprio_get ioprio_set landlock_add_rule landlock_create_ruleset",
  "landlock_restrict_self lsm_get_self_attr lsm_list_modules lsm_set_self_attr modify_ldt pidfd_open prctl",
  "prlimit64 restart_syscall riscv_hwprobe rseq rseq_slice_yield sched_get_priority_max sched_get_priority_min",
  "sched_getaffinity sched_getattr sched_getparam sched_getscheduler sched_rr_get_interval sched_setaffinity",
  "sched_setattr sched_setparam sched_setscheduler sched_yield seccomp set_robust_list set_thread_area",
  "set_tid_address setpgid setpriority setrlimit setsid sysinfo umask uname uprobe uretprobe vfork wait4 waitid",
  // Signals.
  "alarm kill pause pidfd_send_signal rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn",
  "rt_sigsuspend rt_sigtimedwait rt_tgsigqueueinfo sigaltstack signalfd signalfd4 tgkill tkill",
  // Ids and capabilities.
  "capget capset getegid geteuid getgid getgroups getresgid getresuid getuid setfsgid setfsuid setgid setgroups",
  "setregid setresgid setresuid setreuid setuid",
  // Clocks and timers.
  "adjtimex clock_adjtime clock_getres clock_gettime clock_nanosleep getitimer gettimeofday nanosleep setitimer",
  "time timer_create timer_delete timer_getoverrun timer_gettime timer_settime timerfd_create timerfd_gettime",
  "timerfd_settime times",
  // Messages, semaphores and memory between processes.
  "mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedsend mq_unlink msgctl msgget msgrcv msgsnd semctl",
  "semget semop semtimedop shmat shmctl shmdt shmget",
  // Sockets.
  "accept accept4 bind connect getpeername getsockname getsockopt listen recvfrom recvmmsg recvmsg sendmmsg",
  "sendmsg sendto setsockopt shutdown",
]);

/** The same, of what only 32-bit programs call: older forms, and those with wider times, ids and offsets. */
export const allowedCalls32: readonly string[] = words([
  "arm_fadvise64_64 arm_sync_file_range breakpoint cacheflush chown32 clock_adjtime64 clock_getres_time64",
  "clock_gettime64 clock_nanosleep_time64 fadvise64_64 fchown32 fcntl64 fstat64 fstatat64 fstatfs64 ftruncate64",
  "futex_time64 get_tls getegid32 geteuid32 getgid32 getgroups32 getresgid32 getresuid32 getuid32",
  "io_pgetevents_time64 ipc lchown32 _llseek lstat64 mmap2 mq_timedreceive_time64 mq_timedsend_time64",
  "_newselect nice oldfstat oldlstat oldolduname oldstat olduname ppoll_time64 pselect6_time64 readdir recv",
  "recvmmsg_time64 rt_sigtimedwait_time64 sched_rr_get_interval_time64 semtimedop_time64 send sendfile64",
  "set_tls setfsgid32 setfsuid32 setgid32 setgroups32 setregid32 setresgid32 setresuid32 setreuid32 setuid32",
  "sigaction signal sigpending sigprocmask sigreturn sigsuspend stat64 statfs64 sync_file_range2",
  "timer_gettime64 timer_settime64 timerfd_gettime64 timerfd_settime64 truncate64 ugetrlimit utimensat_time64",
  "waitpid",
]);

/** What takes a capability, any of those named first; without one it is refused with EPERM. */
export const gatedCalls: readonly { readonly capabilities: readonly string[]; readonly names: readonly string[] }[] = [
  {
    capabilities: ["CAP_SYS_ADMIN"],
    names: words([
      "mount umount umount2 pivot_root setns fsopen fsconfig fsmount fspick move_mount open_tree",
      "open_tree_attr mount_setattr listns swapon swapoff quotactl quotactl_fd sethostname setdomainname",
      "fanotify_init add_key request_key keyctl io_uring_setup io_uring_enter io_uring_register",
    ]),
  },
  {
    capabilities: ["CAP_SYS_PTRACE"],
    names: words(["ptrace process_vm_readv process_vm_writev process_madvise kcmp pidfd_getfd userfaultfd"]),
  },
  { capabilities: ["CAP_SYS_MODULE"], names: words(["init_module finit_module delete_module"]) },
  { capabilities: ["CAP_SYS_BOOT"], names: words(["reboot kexec_load kexec_file_load"]) },
  { capabilities: ["CAP_SYS_CHROOT"], names: words(["chroot"]) },
  { capabilities: ["CAP_SYS_PACCT"], names: words(["acct"]) },
  { capabilities: ["CAP_SYS_TIME"], names: words(["settimeofday stime clock_settime clock_settime64"]) },
  { capabilities: ["CAP_SYS_TTY_CONFIG"], names: words(["vhangup"]) },
  { capabilities: ["CAP_SYS_RAWIO"], names: words(["iopl ioperm pciconfig_iobase pciconfig_read pciconfig_write"]) },
  {
    capabilities: ["CAP_SYS_NICE"],
    names: words(["mbind set_mempolicy set_mempolicy_home_node migrate_pages move_pages"]),
  },
  { capabilities: ["CAP_DAC_READ_SEARCH"], names: words(["open_by_handle_at"]) },
  { capabilities: ["CAP_BPF", "CAP_SYS_ADMIN"], names: words(["bpf"]) },
  { capabilities: ["CAP_PERFMON", "CAP_SYS_ADMIN"], names: words(["perf_event_open"]) },
  { capabilities: ["CAP_SYSLOG", "CAP_SYS_ADMIN"], names: words(["syslog"]) },
];

/** What has rules of its own in `defaultSeccomp`, for what is passed to it. */
export const judgedCalls: readonly string[] = words(["clone clone3 unshare personality socket socketpair socketcall"]);

/** What kernels do not have any more, or never had, and what only emulators of DOS used. */
export const absentCalls: readonly string[] = words([
  "afs_syscall bdflush break create_module epoll_ctl_old epoll_wait_old ftime get_kernel_syms getpmsg gtty idle",
  "lock lookup_dcookie mpx nfsservctl prof profil putpmsg query_module security sgetmask ssetmask stty _sysctl",
  "sysfs tuxcall ulimit uselib usr26 usr32 ustat vm86 vm86old vserver",
]);

function words(lines: readonly string[]): readonly string[] {
  return lines.flatMap((line) => line.split(" "));
}
