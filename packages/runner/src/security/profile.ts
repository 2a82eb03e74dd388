import { defaultSeccomp, type Seccomp } from "./seccomp.ts";

/** What a process may do, in full: no engine adds defaults of its own to it. */
export interface SecurityProfile {
  readonly capabilities: readonly string[];
  readonly noNewPrivileges: boolean;
  readonly seccomp: Seccomp | undefined;
  /** Paths that look empty. */
  readonly maskedPaths: readonly string[];
  readonly readonlyPaths: readonly string[];
  readonly readonlyRoot: boolean;
}

/** `default`, or `strict`: no capability, a root that cannot be written to; or `unconfined`: nothing is kept from the process but other namespaces. */
export type ProfileName = "strict" | "default" | "unconfined";

const maskedPaths = [
  "/proc/acpi",
  "/proc/interrupts",
  "/proc/kcore",
  "/proc/keys",
  "/proc/latency_stats",
  "/proc/sched_debug",
  "/proc/scsi",
  "/proc/timer_list",
  "/proc/timer_stats",
  "/sys/dev/block",
  "/sys/devices/virtual/powercap",
  "/sys/firmware",
  "/sys/fs/selinux",
];
const readonlyPaths = ["/proc/asound", "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

// As podman's: what programs that begin as root and then step down need.
const capabilities = "CHOWN DAC_OVERRIDE FOWNER FSETID KILL NET_BIND_SERVICE SETFCAP SETGID SETPCAP SETUID SYS_CHROOT"
  .split(" ")
  .map((name) => `CAP_${name}`);

/** The profiles by name. */
export const securityProfiles: Readonly<Record<ProfileName, SecurityProfile>> = {
  strict: {
    capabilities: [],
    noNewPrivileges: true,
    seccomp: defaultSeccomp,
    maskedPaths,
    readonlyPaths,
    readonlyRoot: true,
  },
  default: {
    capabilities,
    noNewPrivileges: true,
    seccomp: defaultSeccomp,
    maskedPaths,
    readonlyPaths,
    readonlyRoot: false,
  },
  unconfined: {
    capabilities,
    noNewPrivileges: false,
    seccomp: undefined,
    maskedPaths: [],
    readonlyPaths: [],
    readonlyRoot: false,
  },
};
