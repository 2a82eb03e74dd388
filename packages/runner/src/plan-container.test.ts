import type { ContainerConfig } from "@lading/oci";
import { describe, expect, test } from "vitest";
import type { ContainerPlan } from "./container-plan.ts";
import type { EngineInfo } from "./engine.ts";
import { RunnerError } from "./errors.ts";
import type { Host } from "./host/host.ts";
import type { ImageFacts } from "./image/image-facts.ts";
import { type PlanContext, planContainer } from "./plan-container.ts";
import type { RunSpec } from "./run-spec.ts";
import { capabilityNames } from "./security/capabilities.ts";
import { securityProfiles } from "./security/profile.ts";
import { testEngine, testFacts } from "./spec/run-bundle.suite.ts";

const config: ContainerConfig = {
  Entrypoint: ["sh", "-c", "id"],
  Cmd: ["--privileged", "-v", "/:/host"],
  Env: ["A=1"],
};
const host: Host = {
  uid: 0,
  gid: 0,
  cgroups: "v2",
  hybridControllers: undefined,
  limits: ["memory", "cpu", "cpuset", "pids"],
  systemd: true,
  capabilities: capabilityNames,
  hardLimits: { nofile: 524_288, nproc: 63_304, core: -1, cpu: -1 },
  namespaces: ["cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"],
  userNamespaces: "available",
  thermalThrottle: ["/sys/devices/system/cpu/cpu0/thermal_throttle"],
};
const weakHost: Host = {
  ...host,
  capabilities: capabilityNames.filter((name) => name !== "CAP_SYS_RESOURCE" && name !== "CAP_SYS_TIME"),
};
const rootless: EngineInfo = { ...testEngine, name: "podman", rootless: true, limits: [], networks: ["none", "host"] };

const plan = (spec: RunSpec, image: ContainerConfig = config, context: Partial<PlanContext> = {}): ContainerPlan =>
  planContainer(spec, { config: image, facts: testFacts, engine: testEngine, host, ...context });

test("a plan leaves nothing open, and is JSON", () => {
  const { seccomp, ...rest } = plan({});
  expect(seccomp?.defaultAction).toBe("SCMP_ACT_ERRNO");
  expect(rest).toEqual({
    name: undefined,
    args: ["sh", "-c", "id", "--privileged", "-v", "/:/host"],
    env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "A=1"],
    workdir: "/",
    user: { uid: 0, gid: 0, additionalGids: [0], home: "/root" },
    leastIds: 1001,
    hostname: undefined,
    labels: {},
    namespaces: {
      network: "bridge",
      pid: "private",
      ipc: "private",
      uts: "private",
      cgroup: "private",
      time: "host",
      user: "host",
    },
    capabilities: {
      bounding: securityProfiles.default.capabilities.toSorted(
        (a, b) => capabilityNames.indexOf(a) - capabilityNames.indexOf(b),
      ),
      effective: expect.arrayContaining(["CAP_CHOWN"]),
      ambient: [],
    },
    noNewPrivileges: true,
    maskedPaths: [...securityProfiles.default.maskedPaths, ...host.thermalThrottle],
    readonlyPaths: securityProfiles.default.readonlyPaths,
    readonlyRoot: false,
    mounts: [],
    devices: [],
    ports: [],
    dns: [],
    addHosts: [],
    ulimits: [
      { name: "nofile", soft: 1_048_576, hard: 1_048_576 },
      { name: "nproc", soft: 1_048_576, hard: 1_048_576 },
    ],
    sysctls: { "net.ipv4.ip_unprivileged_port_start": "0", "net.ipv4.ping_group_range": "0 0" },
    resources: {
      memory: undefined,
      memorySwap: undefined,
      memoryReservation: undefined,
      cpus: undefined,
      cpuShares: undefined,
      cpuset: undefined,
      pids: 2048,
    },
    shmSize: 64 * 2 ** 20,
    oomScoreAdj: undefined,
    terminal: false,
    interactive: false,
    init: undefined,
    restart: { name: "no", maximum: 0 },
    stopSignal: "SIGTERM",
    stopTimeout: 10_000,
    autoRemove: false,
    notes: [],
  });
  const limited = plan({ memory: 2 ** 30, mounts: [{ type: "tmpfs", destination: "/t" }] });
  expect(JSON.parse(JSON.stringify(limited))).toEqual(limited);
});

describe("the program", () => {
  test("what looks like a flag in an image stays an argument of its program", () => {
    expect(plan({}).args).toEqual(["sh", "-c", "id", "--privileged", "-v", "/:/host"]);
  });

  test("a command replaces Cmd, an entrypoint both", () => {
    expect(plan({ command: ["x"] }).args).toEqual(["sh", "-c", "id", "x"]);
    expect(plan({ entrypoint: ["y"] }).args).toEqual(["y"]);
    expect(plan({ entrypoint: ["y"], command: ["z"] }).args).toEqual(["y", "z"]);
    expect(plan({ command: [] }).args).toEqual(["sh", "-c", "id"]);
  });

  test("an image without a program is refused", () => {
    expect(() => plan({}, {})).toThrow("it has neither Entrypoint nor Cmd");
    expect(plan({ command: ["x"] }, {}).args).toEqual(["x"]);
  });

  test("the last of a variable wins, and PATH, HOME and TERM are there where nobody named them", () => {
    expect(plan({ env: ["A=2", "B=x=y"] }).env.slice(2)).toEqual(["A=2", "B=x=y"]);
    expect(plan({ user: "app", terminal: true }, { ...config, Env: ["PATH=/bin"] }).env).toEqual([
      "PATH=/bin",
      "HOME=/home",
      "TERM=xterm",
    ]);
    expect(plan({ user: "4242", env: ["HOME=/x"] }).env).toContain("HOME=/x");
    expect(plan({ user: "4242" }).env).toContain("HOME=/");
  });

  test("the working directory is where it leads in the image", () => {
    const facts: ImageFacts = { ...testFacts, links: new Map([["/app", "opt/../srv"]]) };
    expect(plan({}, { ...config, WorkingDir: "/app/./x" }, { facts }).workdir).toBe("/srv/x");
    expect(plan({ workdir: "/app" }, config, { facts }).workdir).toBe("/srv");
    expect(plan({}, { ...config, WorkingDir: "app" }, { facts: testFacts }).workdir).toBe("/app");
    const door: ImageFacts = { ...testFacts, links: new Map([["/app", "/proc/self/fd"]]) };
    expect(() => plan({ workdir: "/app/7" }, config, { facts: door })).toThrow("is below /proc");
  });

  test("users and groups are found in the image", () => {
    expect(plan({ user: "app", groups: ["staff", "7"] }).user).toEqual({
      uid: 1000,
      gid: 1000,
      additionalGids: [1000, 50, 7],
      home: "/home",
    });
    expect(plan({}, { ...config, User: "app" }).user.uid).toBe(1000);
    expect(plan({ user: "0" }, { ...config, User: "nobody-has-it" }).user.uid).toBe(0);
  });

  test("labels are the image's, but those that engines obey, and those asked for", () => {
    const Labels = { a: "1", b: "2", "containerd.io/restart.loguri": "binary:///x", "io.lading.pod": "x" };
    const { labels, notes } = plan({ labels: { b: "3", "io.kubernetes.pod": "mine" } }, { ...config, Labels });
    expect(labels).toEqual({ a: "1", b: "3", "io.kubernetes.pod": "mine" });
    expect(notes.join()).toContain("containerd.io/restart.loguri");
  });

  test("how it ends is the image's, else as usual", () => {
    expect(plan({}, { ...config, StopSignal: "SIGRTMIN+3", StopTimeout: 3 })).toMatchObject({
      stopSignal: "SIGRTMIN+3",
      stopTimeout: 3000,
    });
    expect(plan({ stopSignal: "INT", stopTimeout: 0 }, { ...config, StopSignal: "QUIT" })).toMatchObject({
      stopSignal: "INT",
      stopTimeout: 0,
    });
    expect(plan({}, { ...config, StopSignal: "", StopTimeout: -1 })).toMatchObject({
      stopSignal: "SIGTERM",
      stopTimeout: 10_000,
    });
    expect(plan({ restart: { name: "on-failure", maximum: 3 } }).restart).toEqual({ name: "on-failure", maximum: 3 });
  });
});

describe("privileges", () => {
  test("each profile gives what it says", () => {
    for (const name of ["strict", "default", "docker", "unconfined"] as const) {
      const profile = securityProfiles[name];
      const made = plan({ profile: name });
      expect(new Set(made.capabilities.bounding)).toEqual(new Set(profile.capabilities));
      expect(made).toMatchObject({
        noNewPrivileges: profile.noNewPrivileges,
        readonlyRoot: profile.readonlyRoot,
        readonlyPaths: profile.readonlyPaths,
        namespaces: { network: profile.network, user: profile.userns },
      });
      expect(made.seccomp === undefined).toBe(profile.seccomp === undefined);
    }
  });

  test("strict has nothing at all", () => {
    expect(plan({ profile: "strict" })).toMatchObject({
      capabilities: { bounding: [], effective: [], ambient: [] },
      noNewPrivileges: true,
      readonlyRoot: true,
      namespaces: { network: "none", user: "auto" },
    });
  });

  test("docker's 14, podman's 11, and all of them", () => {
    const profiles = ["docker", "default", "unconfined"] as const;
    expect(profiles.map((profile) => plan({ profile }).capabilities.bounding.length)).toEqual([14, 11, 41]);
  });

  test("whoever is not root has only those in effect that were asked for by name", () => {
    expect(plan({ user: "1000" }).capabilities).toMatchObject({ effective: [], ambient: [] });
    expect(plan({ user: "1000", capAdd: ["net_raw", "KILL"] }).capabilities).toMatchObject({
      effective: ["CAP_KILL", "CAP_NET_RAW"],
      ambient: ["CAP_KILL", "CAP_NET_RAW"],
    });
    expect(plan({ user: "1000", capAdd: ["ALL"], capDrop: ["KILL"] }).capabilities.ambient).toEqual([]);
    expect(plan({ capAdd: ["NET_RAW"], capDrop: ["NET_RAW"] }).capabilities.bounding).not.toContain("CAP_NET_RAW");
  });

  test("a profile gives what there is; what was asked for must be there", () => {
    const context = { host: weakHost };
    expect(plan({ profile: "unconfined" }, config, context).capabilities.bounding).toHaveLength(39);
    expect(plan({ capAdd: ["ALL"] }, config, context).capabilities.bounding).toHaveLength(39);
    expect(() => plan({ capAdd: ["SYS_TIME"] }, config, context)).toThrow("Cannot give the container CAP_SYS_TIME");
    const made = plan({ capAdd: ["SYS_TIME", "NET_RAW"], bestEffort: true }, config, context);
    expect(made.capabilities.bounding).not.toContain("CAP_SYS_TIME");
    expect(made.capabilities.bounding).toContain("CAP_NET_RAW");
    expect(made.notes).toEqual(["left out, this process lacks them itself: CAP_SYS_TIME"]);
    expect(plan({ capAdd: ["SYS_TIME"], capDrop: ["SYS_TIME"] }, config, context).notes).toEqual([]);
  });

  test("the filter is the profile's, another one, or none, for the capabilities that there are", () => {
    expect(plan({ seccomp: "unconfined" }).seccomp).toBeUndefined();
    const seccomp = { defaultAction: "SCMP_ACT_ALLOW", syscalls: [] };
    expect(plan({ seccomp, profile: "unconfined" }).seccomp).toEqual(seccomp);
    const mounts = (spec: RunSpec): unknown =>
      plan(spec).seccomp?.syscalls.find(({ names }) => names.includes("mount"))?.action;
    expect([mounts({}), mounts({ capAdd: ["SYS_ADMIN"] })]).toEqual(["SCMP_ACT_ERRNO", "SCMP_ACT_ALLOW"]);
  });

  test("paths are masked besides, and unmasked", () => {
    const usual = plan({});
    expect(plan({ mask: ["/secret/", "/proc/kcore"] }).maskedPaths).toEqual([...usual.maskedPaths, "/secret"]);
    const some = plan({ unmask: ["/proc/kcore", "/proc/sys", ...host.thermalThrottle] });
    expect(some.maskedPaths).toEqual(usual.maskedPaths.filter((path) => path !== "/proc/kcore").slice(0, -1));
    expect(some.readonlyPaths).not.toContain("/proc/sys");
    expect(plan({ unmask: ["all"], mask: ["/x"] })).toMatchObject({ maskedPaths: ["/x"], readonlyPaths: [] });
    expect(plan({ profile: "unconfined" })).toMatchObject({ maskedPaths: [], readonlyPaths: [] });
  });
});

describe("namespaces", () => {
  test("they come from where it was asked", () => {
    const spec: RunSpec = {
      network: { container: "a" },
      pid: { container: "a" },
      ipc: "host",
      uts: { path: "/proc/7/ns/uts" },
      cgroup: "host",
      time: "private",
      userns: "keep-id",
    };
    const engine = { ...testEngine, userNamespaces: ["keep-id"] } as const;
    expect(plan(spec, config, { engine }).namespaces).toEqual({
      network: { container: "a" },
      pid: { container: "a" },
      ipc: "host",
      uts: { path: "/proc/7/ns/uts" },
      cgroup: "host",
      time: "private",
      user: "keep-id",
    });
  });

  test("with keep-id programs have the group of whoever calls beside their own", () => {
    const engine = { ...testEngine, userNamespaces: ["host", "keep-id"] } as const;
    const caller = { ...host, uid: 1234, gid: 5678 };
    const groups = (userns: "host" | "keep-id"): readonly number[] =>
      plan({ userns, user: "1234" }, config, { engine, host: caller }).user.additionalGids;

    expect(groups("keep-id")).toEqual([0, 5678]);
    expect(groups("host")).toEqual([0]);
  });

  test("on the host's network a container has the host's name, unless it is to have another", () => {
    expect(plan({ network: "host" }).namespaces.uts).toBe("host");
    expect(plan({ network: "host", hostname: "box" })).toMatchObject({
      namespaces: { uts: "private" },
      hostname: "box",
    });
  });

  test("without a bridge there is no network, and that is said", () => {
    const engine = { ...testEngine, networks: ["none", "host"] } as const;
    const made = plan({}, config, { engine });
    expect(made.namespaces.network).toBe("none");
    expect(made.notes).toEqual(["no network: runc has no bridge here"]);
    for (const spec of [
      { network: "bridge" },
      { ports: [{ hostPort: 0, containerPort: 80, protocol: "tcp" }] },
    ] as const)
      expect(() => plan(spec, config, { engine })).toThrow("Cannot connect a container to a bridge with runc");
  });

  test("what the engine has not is an error", () => {
    const engine = { ...testEngine, userNamespaces: ["host"], timeNamespaces: false } as const;
    expect(() => plan({ userns: "auto" }, config, { engine })).toThrow(
      'Cannot use user namespace "auto" with runc: it has host',
    );
    expect(() => plan({ profile: "strict" }, config, { engine })).toThrow('Cannot use user namespace "auto"');
    expect(() => plan({ time: "private" }, config, { engine })).toThrow(
      "a time namespace: runc with runc 1.3.6 has none",
    );
    const best = plan({ profile: "strict", bestEffort: true }, config, { engine });
    expect(best).toMatchObject({ namespaces: { user: "host" }, notes: [expect.stringContaining("the host's ids")] });
    // The caller's own ids are some of its own.
    expect(
      plan({ profile: "strict" }, config, { engine: { ...rootless, userNamespaces: ["host"] } }).namespaces.user,
    ).toBe("host");
  });

  test("ids are counted from 0 on to the highest of a file, an account and the user", () => {
    const facts = { ...testFacts, highestOwner: 7, accounts: { passwd: "app:x:12:34::/:", group: "staff:x:56:\n" } };
    const least = (spec: RunSpec = {}, more: Partial<ImageFacts> = {}): number =>
      plan(spec, config, { facts: { ...facts, ...more } }).leastIds;
    const odd = "nobody:x:65534:65534::/:\nhuge:x:4000000000:4000000000::/:\n";

    expect(least()).toBe(57);
    expect(least({ user: "app:78" })).toBe(79);
    expect(least({ groups: ["90"] })).toBe(91);
    expect(least({}, { highestOwner: 70_000 })).toBe(70_001);
    expect(least({}, { accounts: { passwd: odd, group: "nogroup:x:65534:\n" } })).toBe(8);
  });

  test("who runs must be in the map", () => {
    const map = [{ containerId: 0, hostId: 100_000, size: 1001 }];
    const userns = { uidMap: map, gidMap: map };
    expect(plan({ userns, user: "app" }).namespaces.user).toEqual(userns);
    expect(() => plan({ userns, user: "1001" })).toThrow("Cannot run as user 1001");
    expect(() => plan({ userns, user: "0:1001" })).toThrow("Cannot run as group 1001");
    expect(() => plan({ userns, groups: ["5000"] })).toThrow("Cannot run as group 5000");
    expect(() => plan({ userns: "auto", user: "65536" })).toThrow("Cannot run as user 65536");
    expect(plan({ userns: "auto", user: "65535" }).user.uid).toBe(65_535);
  });

  test.each([
    [[[0, 0, 0]], "Cannot map 0 ids"],
    [[[0, -1, 1]], "Cannot map 1 ids from 0 to -1"],
    [[[0, 2 ** 32 - 1, 2]], "Cannot map 2 ids"],
    [[[0, 0.5, 1]], "Cannot map 1 ids"],
    [
      [
        [0, 1000, 10],
        [5, 2000, 1],
      ],
      "Cannot map id 5 twice",
    ],
    [
      [
        [0, 1000, 10],
        [10, 1009, 1],
      ],
      "Cannot map id 1009 twice",
    ],
    [[[1, 1000, 10]], "Cannot map ids without that of root"],
    [[], "Cannot map ids without that of root"],
  ] as const)("the map %j is refused", (ranges, message) => {
    const uidMap = ranges.map(([containerId, hostId, size]) => ({ containerId, hostId, size }));
    expect(() => plan({ userns: { uidMap, gidMap: [{ containerId: 0, hostId: 0, size: 1 }] } })).toThrow(message);
  });

  test("sysctls are of the container's own namespaces", () => {
    const sysctls = {
      "net.core.somaxconn": "9",
      "net.ipv4.conf.eth0/1.forwarding": "1",
      "kernel.shmmax": "1",
      "fs.mqueue.msg_max": "5",
      "kernel.domainname": "x",
      "net.ipv4.ping_group_range": "0 7",
    };
    expect(plan({ sysctls }).sysctls).toEqual({ "net.ipv4.ip_unprivileged_port_start": "0", ...sysctls });
    expect(plan({ network: "host" }).sysctls).toEqual({});
  });
});

describe("mounts", () => {
  test("they are sorted, complete, and where they lead in the image", () => {
    const facts: ImageFacts = { ...testFacts, links: new Map([["/var/run", "/run"]]) };
    const mounts = [
      { type: "tmpfs", destination: "/z/", size: 4096, mode: 0o700, options: ["exec", "uid=7"] },
      { type: "bind", source: "/h", destination: "/a/b" },
      { type: "volume", name: "data", destination: "/var/run/x", readonly: true },
      { type: "bind", source: "/h", destination: "/a", readonly: true, propagation: "rslave" },
    ] as const;
    expect(plan({ mounts }, config, { facts }).mounts).toEqual([
      { type: "bind", source: "/h", destination: "/a", readonly: true, propagation: "rslave" },
      { type: "bind", source: "/h", destination: "/a/b", readonly: false, propagation: "rprivate" },
      { type: "volume", name: "data", destination: "/run/x", readonly: true },
      { type: "tmpfs", destination: "/z", size: 4096, mode: 0o700, options: ["nosuid", "nodev", "exec", "uid=7"] },
    ]);
  });

  test("no symlink of an image turns a mount elsewhere", () => {
    const facts: ImageFacts = {
      ...testFacts,
      links: new Map([
        ["/data", "/proc/sys"],
        ["/up", ".."],
        ["/same", "/other"],
      ]),
    };
    const at =
      (...destinations: string[]) =>
      (): unknown =>
        plan({ mounts: destinations.map((destination) => ({ type: "tmpfs", destination })) }, config, { facts });
    expect(at("/data/x")).toThrow("a symlink of the image leads from it to /proc/sys/x");
    expect(at("/up")).toThrow("a symlink of the image leads from it to /");
    expect(at("/same", "/other")).toThrow('Cannot mount at "/other" twice');
  });

  test("with a read-only root the image's volumes are in memory, as the image has them", () => {
    const facts: ImageFacts = { ...testFacts, volumes: [{ path: "/data", mode: 0o750, uid: 5, gid: 6 }] };
    const image = { ...config, Volumes: { "/../../data": {}, "/new": {}, "/": {}, "/proc/x": {}, "/mine": {} } };
    const mounts = [{ type: "tmpfs", destination: "/mine" }] as const;
    expect(plan({ readonlyRoot: true, mounts }, image, { facts }).mounts).toEqual([
      {
        type: "tmpfs",
        destination: "/data",
        size: undefined,
        mode: 0o750,
        options: ["nosuid", "nodev", "exec", "uid=5", "gid=6", "tmpcopyup"],
      },
      { type: "tmpfs", destination: "/mine", size: undefined, mode: 0o1777, options: ["nosuid", "nodev", "noexec"] },
      {
        type: "tmpfs",
        destination: "/new",
        size: undefined,
        mode: 0o755,
        options: ["nosuid", "nodev", "exec", "uid=0", "gid=0", "tmpcopyup"],
      },
    ]);
    expect(plan({}, image).mounts).toEqual([]);
  });

  test("devices and the init program are those that were found", () => {
    const device = {
      source: "/dev/fuse",
      destination: "/dev/fuse",
      type: "c",
      major: 10,
      minor: 229,
      mode: 0o666,
      uid: 0,
      gid: 0,
      access: "rwm",
    } as const;
    expect(plan({ devices: [device] }, config, { devices: [device] }).devices).toEqual([device]);
    expect(() => plan({ devices: [{ source: "/dev/fuse" }] })).toThrow("nobody has looked at");
    expect(plan({ init: true }, config, { init: "/usr/bin/catatonit" }).init).toBe("/usr/bin/catatonit");
    expect(plan({}, config, { init: "/usr/bin/catatonit" }).init).toBeUndefined();
    expect(() => plan({ init: true })).toThrow("neither catatonit nor tini is here");
    expect(plan({ init: true, bestEffort: true }).notes).toEqual(["no init: neither catatonit nor tini is here"]);
  });
});

describe("limits", () => {
  test("all of them are in the plan", () => {
    const spec = {
      memory: 2 ** 26,
      memorySwap: -1,
      memoryReservation: 2 ** 25,
      cpus: 0.5,
      cpuShares: 512,
      cpuset: "0-1,3",
      pidsLimit: 50,
    };
    const { pidsLimit, ...rest } = spec;
    expect(plan(spec).resources).toEqual({ ...rest, pids: pidsLimit });
    expect(plan({ memory: 2 ** 26 }).resources.memorySwap).toBe(2 ** 26);
    expect(plan({ pidsLimit: -1 }).resources.pids).toBeUndefined();
    expect(plan({ pidsLimit: 0 }).resources.pids).toBeUndefined();
    expect(plan({ shmSize: 4096, oomScoreAdj: -5 })).toMatchObject({ shmSize: 4096, oomScoreAdj: -5 });
  });

  test("what the engine cannot enforce is an error, or is left out and said", () => {
    const context = { engine: rootless };
    expect(plan({ network: "none" }, config, context)).toMatchObject({
      resources: { pids: undefined },
      notes: ["not limited, podman cannot enforce it here: pids"],
    });
    const limited: RunSpec = { network: "none", memory: 2 ** 26, cpus: 1, cpuset: "0", pidsLimit: 10 };
    expect(() => plan(limited, config, context)).toThrow(
      "Cannot limit memory, cpu, cpuset, pids: podman cannot enforce it here, without root",
    );
    const best = plan({ ...limited, bestEffort: true }, config, context);
    expect(new Set(Object.values(best.resources))).toEqual(new Set([undefined]));
    expect(best.notes).toEqual(["not limited, podman cannot enforce it here: memory, cpu, cpuset, pids"]);
  });

  test("limits of a process are the host's at most, where it cannot raise them", () => {
    const ulimits = [
      { name: "NOFILE", soft: 100, hard: 1_000_000 },
      { name: "core", soft: -1, hard: -1 },
    ];
    expect(plan({ ulimits }, config, { host: weakHost }).ulimits).toEqual([
      { name: "nofile", soft: 100, hard: 524_288 },
      { name: "nproc", soft: 32_768, hard: 32_768 },
      { name: "core", soft: -1, hard: -1 },
    ]);
    expect(plan({ ulimits }).ulimits[0]).toEqual({ name: "nofile", soft: 100, hard: 1_000_000 });
    expect(plan({ ulimits: [{ name: "nofile", soft: -1, hard: -1 }] }, config, { host: weakHost }).ulimits[0]).toEqual({
      name: "nofile",
      soft: 524_288,
      hard: 524_288,
    });
  });

  test("who may not lower the oom score says so", () => {
    const context = { host: weakHost };
    expect(() => plan({ oomScoreAdj: -1 }, config, context)).toThrow("that takes CAP_SYS_RESOURCE");
    expect(plan({ oomScoreAdj: -1, bestEffort: true }, config, context)).toMatchObject({
      oomScoreAdj: undefined,
      notes: ["oom score not lowered: that takes CAP_SYS_RESOURCE"],
    });
    expect(plan({ oomScoreAdj: 5 }, config, context).oomScoreAdj).toBe(5);
  });
});

test.each([
  [{ command: ["a\0"] }, "it holds a NUL"],
  [{ workdir: "relative" }, "the path is not absolute"],
  [{ workdir: "/a\0" }, "holds a NUL"],
  [{ env: ["NOVALUE"] }, "expected NAME=value"],
  [{ env: ["=x"] }, "expected NAME=value"],
  [{ env: ["A=\0"] }, "expected NAME=value"],
  [{ user: "nobody" }, 'no user "nobody"'],
  [{ groups: ["wheel"] }, 'no group "wheel"'],
  [{ hostname: "a\nb" }, "Cannot set the hostname"],
  [{ hostname: "" }, "Cannot set the hostname"],
  [{ hostname: "x".repeat(65) }, "at most 64"],
  [{ hostname: "box", uts: "host" }, "no UTS namespace of its own"],
  [{ pid: { path: "proc/1/ns/pid" } }, "expected an absolute path"],
  [{ ipc: { container: "" } }, "a container without a name"],
  [{ capAdd: ["NOTHING"] }, "Cannot use capability"],
  [{ mask: ["relative"] }, "Cannot mask"],
  [{ mask: ["/"] }, "Cannot mask"],
  [{ unmask: ["relative"] }, "Cannot unmask"],
  [{ mounts: [{ type: "tmpfs", destination: "/a/../../b" }] }, "Cannot mount at"],
  [{ mounts: [{ type: "tmpfs", destination: "a" }] }, "Cannot mount at"],
  [{ mounts: [{ type: "tmpfs", destination: "/a\0" }] }, "Cannot mount at"],
  [{ mounts: [{ type: "tmpfs", destination: "/dev" }] }, "the runtime's own"],
  [{ mounts: [{ type: "tmpfs", destination: "/dev/pts/0" }] }, "the runtime's own"],
  [{ mounts: [{ type: "tmpfs", destination: "/proc/sys" }] }, "the runtime's own"],
  [{ mounts: [{ type: "tmpfs", destination: "/t", options: ["size=4k"] }] }, "takes no such option"],
  [{ mounts: [{ type: "tmpfs", destination: "/t", options: ["exec,suid"] }] }, "takes no such option"],
  [{ mounts: [{ type: "tmpfs", destination: "/t", size: 0.5 }] }, "Cannot use tmpfs size 0.5"],
  [{ mounts: [{ type: "tmpfs", destination: "/t", mode: 0o10000 }] }, "Cannot use tmpfs mode 010000"],
  [{ mounts: [{ type: "bind", source: "x", destination: "/t" }] }, "expected an absolute path"],
  [{ mounts: [{ type: "bind", source: "/x", destination: "/" }] }, "Cannot mount at"],
  [{ mounts: [{ type: "volume", name: "../x", destination: "/t" }] }, 'Cannot use volume "../x"'],
  [
    {
      mounts: [
        { type: "tmpfs", destination: "/t" },
        { type: "tmpfs", destination: "/t/" },
      ],
    },
    'Cannot mount at "/t" twice',
  ],
  [{ init: true, mounts: [{ type: "tmpfs", destination: "/run/lading-init" }] }, "the container's init is there"],
  [{ ulimits: [{ name: "files", soft: 1, hard: 1 }] }, 'Cannot limit "files": there is no such limit'],
  [{ ulimits: [{ name: "toString", soft: 1, hard: 1 }] }, "there is no such limit"],
  [{ ulimits: [{ name: "core", soft: 2, hard: 1 }] }, "the first is above the second"],
  [{ ulimits: [{ name: "core", soft: -1, hard: 1 }] }, "the first is above the second"],
  [{ ulimits: [{ name: "core", soft: 0.5, hard: 1 }] }, "expected a whole number"],
  [{ ulimits: [{ name: "core", soft: -2, hard: -1 }] }, "expected a whole number"],
  [{ sysctls: { "kernel.panic": "1" } }, 'Cannot set sysctl "kernel.panic"'],
  [{ sysctls: { "net.x/../kernel.panic": "1" } }, "Cannot set sysctl"],
  [{ sysctls: { "net.ipv4.ip_forward": "1\n2" } }, "expected one line"],
  [{ sysctls: { "net.ipv4.ip_forward": "1" }, network: "host" }, "Cannot set sysctl"],
  [{ sysctls: { "kernel.shmmax": "1" }, ipc: "host" }, "Cannot set sysctl"],
  [{ sysctls: { "kernel.domainname": "x" }, uts: "host" }, "Cannot set sysctl"],
  [{ sysctls: { "kernel.domainname": "x" }, userns: "auto" }, "Cannot set sysctl"],
  [{ memory: -1 }, "Cannot use memory -1"],
  [{ memory: 0.5 }, "Cannot use memory 0.5"],
  [{ memory: Number.NaN }, "Cannot use memory NaN"],
  [{ memorySwap: 5 }, "Cannot limit swap without a limit of memory"],
  [{ memory: 10, memorySwap: 5 }, "memory alone may be 10"],
  [{ memory: 10, memoryReservation: 11 }, "it is limited to 10"],
  [{ cpus: 0 }, "Cannot use cpus 0"],
  [{ cpus: Infinity }, "Cannot use cpus Infinity"],
  [{ cpus: 0.001 }, "Cannot use cpus 0.001: expected at least 0.01"],
  [{ cpuShares: 1 }, "expected a whole number from 2 on"],
  [{ cpuShares: 300_000 }, "expected at most 262144"],
  [{ cpuset: "0-" }, 'Cannot use processors "0-"'],
  [{ pidsLimit: -2 }, "Cannot use pidsLimit -2"],
  [{ shmSize: 0 }, "Cannot use shmSize 0"],
  [{ shmSize: 4096, ipc: "host" }, "Cannot choose the size of /dev/shm"],
  [{ oomScoreAdj: 1001 }, "expected -1000 to 1000"],
  [{ restart: { name: "always", maximum: 2 } }, "only on-failure has a maximum"],
  [{ restart: { name: "on-failure", maximum: -1 } }, "Cannot use maximum of restarts -1"],
  [{ restart: { name: "always" }, autoRemove: true }, "Cannot both restart and remove"],
  [{ stopSignal: "SIGNONE" }, 'signal "SIGNONE"'],
  [{ stopTimeout: -1 }, "Cannot use stopTimeout -1"],
] as const)("%j is refused", (spec, message) => {
  expect(() => plan(spec)).toThrow(message);
  expect(() => plan(spec)).toThrow(RunnerError);
});

test("a profile that is none is refused", () => {
  const spec: RunSpec = JSON.parse('{"profile":"constructor"}');
  expect(() => plan(spec)).toThrow('Cannot use profile "constructor": there is none of that name');
});

test("an image that must not be run is not planned", () => {
  const facts: ImageFacts = { ...testFacts, oddities: [{ path: "/dev", type: "symlink", target: "/x" }] };
  expect(() => plan({}, config, { facts })).toThrow("/dev is a symlink");
});
