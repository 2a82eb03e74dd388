import { capabilityNames } from "./capabilities.ts";
import { defaultSeccomp } from "./default-seccomp.ts";
import type { SeccompProfile } from "./seccomp.ts";

/** What a process may do, in full: no engine adds defaults of its own to it. */
export interface SecurityProfile {
  readonly capabilities: readonly string[];
  readonly noNewPrivileges: boolean;
  readonly seccomp: SeccompProfile | undefined;
  /** Paths that look empty; where there are any, so does `Host.thermalThrottle`. */
  readonly maskedPaths: readonly string[];
  readonly readonlyPaths: readonly string[];
  readonly readonlyRoot: boolean;
  readonly network: "none" | "bridge";
  readonly userns: "host" | "auto";
}

/**
 * `strict`: no capability, a root that cannot be written to, ids of its own, no network. `default`.
 * `docker`: what docker gives, down to privileges that a program may regain. `unconfined`: every
 * capability and nothing filtered or masked; namespaces of its own are all that is left.
 */
export type ProfileName = "strict" | "default" | "docker" | "unconfined";

// What the newer engines hide, all of them together: the host's hardware, keys and timers.
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
const capabilities = caps(
  "CHOWN DAC_OVERRIDE FOWNER FSETID KILL NET_BIND_SERVICE SETFCAP SETGID SETPCAP SETUID SYS_CHROOT",
);

/** The profiles by name. */
export const securityProfiles: Readonly<Record<ProfileName, SecurityProfile>> = {
  strict: {
    capabilities: [],
    noNewPrivileges: true,
    seccomp: defaultSeccomp,
    maskedPaths,
    readonlyPaths,
    readonlyRoot: true,
    network: "none",
    userns: "auto",
  },
  default: {
    capabilities,
    noNewPrivileges: true,
    seccomp: defaultSeccomp,
    maskedPaths,
    readonlyPaths,
    readonlyRoot: false,
    network: "bridge",
    userns: "host",
  },
  docker: {
    capabilities: [...capabilities, ...caps("AUDIT_WRITE MKNOD NET_RAW")],
    noNewPrivileges: false,
    seccomp: defaultSeccomp,
    maskedPaths,
    readonlyPaths,
    readonlyRoot: false,
    network: "bridge",
    userns: "host",
  },
  unconfined: {
    capabilities: capabilityNames,
    noNewPrivileges: false,
    seccomp: undefined,
    maskedPaths: [],
    readonlyPaths: [],
    readonlyRoot: false,
    network: "bridge",
    userns: "host",
  },
};

function caps(names: string): readonly string[] {
  return names.split(" ").map((name) => `CAP_${name}`);
}
