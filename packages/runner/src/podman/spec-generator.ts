import { type ContainerPlan, initPath, type PlannedMount } from "../container-plan.ts";
import { RunnerError } from "../errors.ts";
import type { NamespaceSource } from "../run-spec.ts";
import type { IdMaps } from "../spec/namespaces.ts";
import { signalNumber } from "../supervisor/signals.ts";

/** What podman has to be told that is not in the plan. */
export interface SpecPlace {
  readonly name: string;
  /** The image's ID. */
  readonly image: string;
  /** What people call the image. */
  readonly imageName: string;
  /** `io.lading.*`: how containers that Lading made are told from others. */
  readonly marks: Readonly<Record<string, string>>;
  readonly rootless: boolean;
  /** What containers.conf gives to every container. */
  readonly defaultCapabilities: readonly string[];
  /** The labels of the image, some of which podman obeys. */
  readonly imageLabels: Readonly<Record<string, string>>;
  /** The file that holds the plan's seccomp profile. */
  readonly seccomp: string | undefined;
  /** The ids of its user namespace, where the plan leaves them open. */
  readonly ids: IdMaps | undefined;
  /** Those of the plan, with addresses alone. */
  readonly addHosts: readonly string[];
  /** For namespaces that are another container's: how podman finds it. */
  readonly joined: Readonly<Partial<Record<"network" | "pid" | "ipc" | "uts", Namespace>>>;
}

/** A namespace of podman's (pkg/specgen/namespaces.go). */
export interface Namespace {
  readonly nsmode: string;
  readonly value?: string | undefined;
}

const cpuPeriod = 100_000; // microseconds

// What podman 4.0 to 5.8 mask unless told otherwise: pkg/specgen/generate/config_linux.go, and
// DefaultMaskedPaths of containers/common. Only so can the plan's be all there are.
const maskedByPodman = [
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
  "/sys/devices/system/cpu/cpu*/thermal_throttle",
  "/sys/firmware",
  "/sys/fs/selinux",
];
const readonlyByPodman = ["/proc/asound", "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];
// podman narrows a container's capabilities down to what this label of an image names.
const capabilityLabel = "io.containers.capabilities";

/**
 * A plan in the words of libpod's REST API: the body of `containers/create` (SpecGenerator). Leaves
 * nothing to containers.conf that it can say. Throws RunnerError UNSUPPORTED.
 */
export function specGenerator(plan: ContainerPlan, place: SpecPlace): object {
  refuse(plan, place);
  const { user, namespaces, resources } = plan;
  const init = plan.init === undefined ? [] : [initPath, "--"];
  return {
    name: place.name,
    image: place.image,
    raw_image_name: place.imageName,
    // All of it as the entrypoint: with only a command podman would put the image's in front.
    entrypoint: [...init, ...plan.args],
    command: [],
    env: Object.fromEntries(plan.env.map((entry) => splitOnce(entry))),
    unsetenvall: true,
    env_host: false,
    httpproxy: false,
    work_dir: plan.workdir,
    create_working_dir: true,
    user: `${user.uid}:${user.gid}`,
    // With its own among them, as podman does for the program but not for those of exec.
    groups: [user.gid, ...user.additionalGids].map(String),
    manage_password: false,
    umask: "0022",
    ...(plan.hostname === undefined || namespaces.uts !== "private" ? {} : { hostname: plan.hostname }),
    labels: { ...capabilityMark(plan, place.imageLabels), ...plan.labels, ...place.marks },
    terminal: plan.terminal,
    stdin: plan.interactive,

    netns: place.joined.network ?? network(namespaces.network),
    pidns: place.joined.pid ?? namespace(namespaces.pid),
    // podman lets others join only what is called shareable.
    ipcns: place.joined.ipc ?? (namespaces.ipc === "private" ? { nsmode: "shareable" } : namespace(namespaces.ipc)),
    utsns: place.joined.uts ?? namespace(namespaces.uts),
    cgroupns: { nsmode: namespaces.cgroup },
    ...users(place.ids ?? namespaces.user, plan),

    privileged: false,
    ...capabilityChanges(plan, place),
    no_new_privileges: plan.noNewPrivileges,
    seccomp_policy: "default",
    seccomp_profile_path: place.seccomp ?? "unconfined",
    ...maskedPaths(plan, place),
    read_only_filesystem: plan.readonlyRoot,
    read_write_tmpfs: false,

    ...mounts(plan),
    image_volume_mode: "ignore",
    devices: plan.devices.map(({ source, destination, access }) => ({ path: `${source}:${destination}:${access}` })),
    ...(namespaces.ipc === "private" ? { shm_size: plan.shmSize } : {}),
    portmappings: plan.ports.map(({ hostAddress = "", hostPort, containerPort, protocol }) => ({
      host_ip: hostAddress,
      host_port: hostPort,
      container_port: containerPort,
      protocol,
    })),
    publish_image_ports: false,
    dns_server: plan.dns,
    hostadd: place.addHosts,
    use_image_hosts: false,
    use_image_resolve_conf: false,
    r_limits: plan.ulimits.map(({ name, soft, hard }) => ({ type: name, soft: rlimit(soft), hard: rlimit(hard) })),
    sysctl: plan.sysctls,
    resource_limits: {
      memory: {
        limit: resources.memory,
        // podman takes -1 for less than `limit`, and says twice as much itself when nobody says anything.
        swap: resources.memorySwap === -1 ? mostBytes : resources.memorySwap,
        reservation: resources.memoryReservation,
      },
      cpu: {
        shares: resources.cpuShares,
        ...(resources.cpus === undefined ? {} : { period: cpuPeriod, quota: cpuQuota(resources.cpus) }),
        cpus: resources.cpuset,
      },
      pids: { limit: resources.pids ?? -1 },
    },
    ...(plan.oomScoreAdj === undefined ? {} : { oom_score_adj: plan.oomScoreAdj }),

    init: false,
    systemd: "false",
    sdnotifyMode: "ignore",
    cgroups_mode: "enabled",
    healthconfig: { Test: ["NONE"] },
    log_configuration: { driver: "k8s-file" },
    restart_policy: plan.restart.name,
    ...(plan.restart.name === "on-failure" ? { restart_tries: plan.restart.maximum } : {}),
    stop_signal: signalNumber(plan.stopSignal),
    stop_timeout: Math.ceil(plan.stopTimeout / 1000),
    remove: plan.autoRemove,
  };
}

/** Microseconds of processor time in each 100 000. */
export function cpuQuota(cpus: number): number {
  return Math.round(cpus * cpuPeriod);
}

/** What podman has no words for. */
function refuse({ namespaces, readonlyPaths, capabilities, user, mounts: all }: ContainerPlan, place: SpecPlace): void {
  const other = readonlyPaths.find((path) => !readonlyByPodman.includes(path));
  if (other !== undefined)
    throw unsupported(`make "${other}" read-only`, `it can only do that to ${readonlyByPodman.join(", ")}`);
  const flags = all.flatMap((mount) => (mount.type === "tmpfs" ? mount.options : []));
  const flag = flags.find((option) => mountFlags.has(option));
  if (flag !== undefined)
    throw unsupported(`mount a tmpfs with ${flag}`, "it passes that on as if it were an option of the file system");
  if (namespaces.time === "private") throw unsupported("give a container a time namespace", "it has none");
  if (user.uid === 0) return;
  const { ambient, effective, bounding } = capabilities;
  if (effective.length !== ambient.length || effective.some((name) => !ambient.includes(name)))
    throw unsupported("give a user other than root capabilities that are not ambient", "it makes all of them so");
  const lacking = bounding.filter((name) => !ambient.includes(name) && !place.defaultCapabilities.includes(name));
  if (lacking.length > 0)
    throw unsupported(
      `leave ${lacking.join(", ")} to be regained by a user other than root`,
      "its own default_capabilities lack them",
      "Drop them, add them by name, or name them in default_capabilities of containers.conf",
    );
}

/**
 * podman begins with the capabilities of containers.conf, and gives a user other than root those
 * that were added, as ambient ones too. Without ALL, so that only the latter are added for them.
 */
function capabilityChanges(
  { capabilities, user }: ContainerPlan,
  { defaultCapabilities }: SpecPlace,
): { readonly cap_add: readonly string[]; readonly cap_drop: readonly string[] } {
  const { bounding, ambient } = capabilities;
  if (user.uid === 0) return { cap_add: bounding, cap_drop: ["ALL"] };
  return { cap_add: ambient, cap_drop: defaultCapabilities.filter((name) => !bounding.includes(name)) };
}

/** podman's own list is put aside for the plan's; but without root it takes none while it shows the host's processes. */
function maskedPaths(
  { maskedPaths: mask, readonlyPaths, namespaces }: ContainerPlan,
  { rootless }: SpecPlace,
): { readonly mask: readonly string[]; readonly unmask: readonly string[] } {
  const writable = readonlyByPodman.filter((path) => !readonlyPaths.includes(path));
  if (!rootless || namespaces.pid !== "host") return { mask, unmask: [...maskedByPodman, ...writable] };
  return { mask: [], unmask: [...maskedByPodman.filter((path) => !mask.includes(path)), ...writable] };
}

/** Says again what the image's label must not say. */
function capabilityMark({ capabilities }: ContainerPlan, labels: SpecPlace["imageLabels"]): Record<string, string> {
  if (labels[capabilityLabel] === undefined) return {};
  // One that the container does not have is passed over, and that leaves it without any.
  return { [capabilityLabel]: capabilities.bounding.length > 0 ? capabilities.bounding.join(",") : "CAP_CHOWN" };
}

function mounts(plan: ContainerPlan): { readonly mounts: readonly object[]; readonly volumes: readonly object[] } {
  const volumes = plan.mounts.flatMap((mount) =>
    mount.type === "volume"
      ? [
          {
            Name: mount.name,
            Dest: mount.destination,
            Options: [mount.readonly ? "ro" : "rw", "rprivate", "nosuid", "nodev"],
          },
        ]
      : [],
  );
  const init =
    plan.init === undefined
      ? []
      : [{ type: "bind", source: plan.init, destination: initPath, options: ["bind", "ro", "rprivate"] }];
  return { mounts: [...init, ...plan.mounts.flatMap((mount) => specMount(mount) ?? [])], volumes };
}

function specMount(mount: PlannedMount): object | undefined {
  if (mount.type === "volume") return undefined;
  const { type, destination } = mount;
  if (mount.type === "bind") {
    const { source, readonly, propagation } = mount;
    return { type, source, destination, options: ["rbind", propagation, readonly ? "ro" : "rw"] };
  }
  const { options, size, mode } = mount;
  const safe = safeOptions.filter((name) => !options.includes(name) && !options.includes(name.slice(2)));
  const known = options.filter((option) => podmanOptions.has(option));
  const other = options.filter((option) => !podmanOptions.has(option) && !idle.has(option) && option !== "tmpcopyup");
  const sized = size === undefined ? [] : [`size=${size}`];
  // podman refuses options that it does not know (uid=1000, nr_inodes=10), and looks no further than
  // the name of one that it does. Without a word it would fill it with what the image has there.
  const last = [`mode=${mode.toString(8)}`, ...other].join(",");
  const copy = options.includes("tmpcopyup") ? "tmpcopyup" : "notmpcopyup";
  return { type, source: type, destination, options: [...safe, ...known, ...sized, last, copy] };
}

const safeOptions = ["nosuid", "nodev", "noexec"];
// pkg/util/mountOpts.go, of those that a tmpfs may have.
const podmanOptions: ReadonlySet<string> = new Set(["exec", "noexec", "suid", "nosuid", "dev", "nodev", "rw", "ro"]);
// Flags of mount(2), not of the file system; the second are as it is anyway.
const mountFlags: ReadonlySet<string> = new Set(["sync", "noatime", "nodiratime", "strictatime"]);
const idle: ReadonlySet<string> = new Set(["async", "atime", "diratime", "relatime"]);

function network(source: ContainerPlan["namespaces"]["network"]): Namespace {
  return typeof source === "string" ? { nsmode: source } : namespace(source);
}

function namespace(source: NamespaceSource): Namespace {
  if (typeof source === "string") return { nsmode: source };
  return "path" in source ? { nsmode: "path", value: source.path } : { nsmode: "container", value: source.container };
}

const usualIds = 1024; // podman's own choice

function users(source: ContainerPlan["namespaces"]["user"], { leastIds }: ContainerPlan): object {
  if (source === "host" || source === "keep-id") return { userns: { nsmode: source } };
  if (source === "auto") {
    // Without root there are few. Not InitialSize: then podman looks into the image while it creates the
    // container, and its service may answer nobody any more (podman 4.3, containers/podman issue 16062).
    const Size = Math.max(usualIds, leastIds);
    return { userns: { nsmode: source }, idmappings: { AutoUserNs: true, AutoUserNsOpts: { Size } } };
  }
  const ranges = (map: typeof source.uidMap): readonly object[] =>
    map.map(({ containerId, hostId, size }) => ({ container_id: containerId, host_id: hostId, size }));
  return {
    userns: { nsmode: "private" },
    idmappings: {
      HostUIDMapping: false,
      HostGIDMapping: false,
      UIDMap: ranges(source.uidMap),
      GIDMap: ranges(source.gidMap),
    },
  };
}

function splitOnce(entry: string): readonly [string, string] {
  const equals = entry.indexOf("=");
  return [entry.slice(0, equals), entry.slice(equals + 1)];
}

/** Unlimited is the largest number of 64 bits, which JavaScript has none for: see `specJson`. */
function rlimit(value: number): number | string {
  return value === -1 ? unlimited : value;
}

// No text of a plan holds a NUL.
const unlimited = "\0unlimited";

// What the kernel takes for no limit at all, whole pages of 2^63 - 1.
const mostBytes = "\0mostBytes";

/** A SpecGenerator as it is sent. */
export function specJson(spec: object): string {
  return JSON.stringify(spec)
    .replaceAll(JSON.stringify(unlimited), "18446744073709551615")
    .replaceAll(JSON.stringify(mostBytes), "9223372036854771712");
}

function unsupported(what: string, why: string, hint?: string): RunnerError {
  return new RunnerError("UNSUPPORTED", `Cannot ${what} with podman: ${why}`, { hint });
}
