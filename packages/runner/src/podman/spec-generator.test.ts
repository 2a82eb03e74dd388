import { expect, test } from "vitest";
import type { ContainerPlan } from "../container-plan.ts";
import { testPlan } from "../spec/run-bundle.suite.ts";
import type { RunSpec } from "../run-spec.ts";
import { specGenerator, specJson, type SpecPlace } from "./spec-generator.ts";

const place: SpecPlace = {
  name: "box",
  image: "1".repeat(64),
  imageName: "localhost/box:1",
  marks: { "io.lading.root": "/state" },
  rootless: false,
  defaultCapabilities: ["CAP_CHOWN", "CAP_KILL", "CAP_NET_RAW"],
  imageLabels: {},
  seccomp: "/state/seccomp.json",
  ids: undefined,
  addHosts: [],
  joined: {},
};
const plan = (spec: RunSpec = {}, change: Partial<ContainerPlan> = {}): ContainerPlan => ({
  ...testPlan({ network: "none", ...spec }),
  ...change,
});
const spec = (of: ContainerPlan, more: Partial<SpecPlace> = {}): object => specGenerator(of, { ...place, ...more });
const roots = { bounding: ["CAP_CHOWN"], effective: ["CAP_CHOWN"], ambient: [] };
const user = { uid: 1000, gid: 50, additionalGids: [7], home: undefined };

test("nothing of the image and of podman's own settings comes into the environment", () => {
  expect(spec(plan({}, { env: ["A=b=c", "EMPTY="] }))).toMatchObject({
    env: { A: "b=c", EMPTY: "" },
    unsetenvall: true,
    env_host: false,
    httpproxy: false,
  });
});

test("the arguments stand in place of the image's entrypoint, and an init before them", () => {
  expect(spec(plan({ command: ["echo", "hi"] }))).toMatchObject({ entrypoint: ["echo", "hi"], command: [] });
  expect(spec(plan({ command: ["echo"] }, { init: "/usr/bin/tini" }))).toMatchObject({
    entrypoint: ["/run/lading-init", "--", "echo"],
    mounts: [
      { type: "bind", source: "/usr/bin/tini", destination: "/run/lading-init", options: ["bind", "ro", "rprivate"] },
    ],
    init: false,
  });
});

test("root has the plan's capabilities, whatever containers.conf says", () => {
  expect(spec(plan({}, { capabilities: roots }))).toMatchObject({ cap_add: ["CAP_CHOWN"], cap_drop: ["ALL"] });
});

test("of another user only ambient capabilities are added, since podman makes all that are added so", () => {
  const capabilities = { bounding: ["CAP_CHOWN", "CAP_BPF"], effective: ["CAP_BPF"], ambient: ["CAP_BPF"] };
  expect(spec(plan({}, { user, capabilities }))).toMatchObject({
    user: "1000:50",
    groups: ["50", "7"],
    cap_add: ["CAP_BPF"],
    cap_drop: ["CAP_KILL", "CAP_NET_RAW"],
  });
});

test("a bounding set that podman cannot give to another user is refused", () => {
  const capabilities = { bounding: ["CAP_CHOWN", "CAP_MKNOD"], effective: [], ambient: [] };
  expect(() => spec(plan({}, { user, capabilities }))).toThrow(
    "Cannot leave CAP_MKNOD to be regained by a user other than root",
  );
  expect(() => spec(plan({}, { user, capabilities: { ...roots, ambient: [] } }))).toThrow(
    "Cannot give a user other than root capabilities that are not ambient",
  );
});

test("an image's label that would narrow the capabilities is said again as the plan has them", () => {
  const labels = { "io.containers.capabilities": "SETUID" };
  expect(spec(plan({}, { capabilities: roots }), { imageLabels: labels })).toMatchObject({
    labels: { "io.containers.capabilities": "CAP_CHOWN", "io.lading.root": "/state" },
  });
  expect(spec(plan())).not.toMatchObject({ labels: { "io.containers.capabilities": expect.anything() } });
});

test("podman's lists of paths are put aside for the plan's", () => {
  const of = plan({}, { maskedPaths: ["/proc/kcore"], readonlyPaths: ["/proc/sys"] });
  const { mask, unmask } = Object(spec(of));
  expect(mask).toEqual(["/proc/kcore"]);
  expect(unmask).toEqual(expect.arrayContaining(["/proc/kcore", "/proc/acpi", "/proc/bus"]));
  expect(unmask).not.toContain("/proc/sys");
  expect(() => spec(plan({}, { readonlyPaths: ["/etc"] }))).toThrow('Cannot make "/etc" read-only with podman');
});

test("without root podman takes no list while it shows the host's processes, so what it masks itself is kept", () => {
  const of = plan({ pid: "host" }, { maskedPaths: ["/proc/kcore"] });
  const { mask, unmask } = Object(spec(of, { rootless: true }));
  expect(mask).toEqual([]);
  expect(unmask).not.toContain("/proc/kcore");
});

test("a file system in memory is as it was asked for, with options that podman does not know", () => {
  const of = plan({
    mounts: [{ type: "tmpfs", destination: "/m", size: 4096, mode: 0o700, options: ["exec", "uid=7"] }],
  });
  expect(spec(of)).toMatchObject({
    mounts: [{ options: ["nosuid", "nodev", "exec", "size=4096", "mode=700,uid=7", "notmpcopyup"] }],
  });
});

test("flags of mount(2) that podman takes for options of the file system are refused, and what is so anyway left out", () => {
  const memory = { type: "tmpfs", destination: "/m" } as const;
  expect(spec(plan({ mounts: [{ ...memory, options: ["relatime", "async"] }] }))).toMatchObject({
    mounts: [{ options: expect.arrayContaining(["mode=1777"]) }],
  });
  expect(() => spec(plan({ mounts: [{ ...memory, options: ["noatime"] }] }))).toThrow(
    "Cannot mount a tmpfs with noatime with podman",
  );
});

test("no limit of swap is the most that the kernel knows, since podman takes -1 for too little", () => {
  expect(specJson(spec(plan({ memory: 1 << 26, memorySwap: -1 })))).toContain(
    '"memory":{"limit":67108864,"swap":9223372036854771712}',
  );
});

test("no limit of setrlimit(2) is the largest number of 64 bits", () => {
  const of = plan({}, { ulimits: [{ name: "core", soft: 0, hard: -1 }] });
  expect(specJson(spec(of))).toContain('"r_limits":[{"type":"core","soft":0,"hard":18446744073709551615}]');
});

test("namespaces are told by name, and those that others have as podman finds them", () => {
  expect(spec(plan())).toMatchObject({
    netns: { nsmode: "none" },
    pidns: { nsmode: "private" },
    ipcns: { nsmode: "shareable" },
    utsns: { nsmode: "private" },
    cgroupns: { nsmode: "private" },
    userns: { nsmode: "host" },
  });
  const joined = { ipc: { nsmode: "container", value: "other" } };
  expect(spec(plan({ ipc: { container: "x" } }), { joined })).toMatchObject({ ipcns: joined.ipc });
  expect(spec(plan({ ipc: { container: "x" } }), { joined })).not.toHaveProperty("shm_size");
  expect(() => spec(plan({}, { namespaces: { ...plan().namespaces, time: "private" } }))).toThrow("time namespace");
});

test("ids are mapped as the plan says, or as they were taken for it", () => {
  const range = { containerId: 0, hostId: 1000, size: 10 };
  const maps = { uidMap: [range], gidMap: [range] };
  const mapped = { UIDMap: [{ container_id: 0, host_id: 1000, size: 10 }] };
  expect(spec(plan({ userns: maps }))).toMatchObject({ userns: { nsmode: "private" }, idmappings: mapped });
  expect(spec(plan({ userns: "auto" }), { ids: maps })).toMatchObject({ idmappings: mapped });
});

test("how many ids podman gives is said, since looking into the image for that has deadlocked its service", () => {
  for (const [leastIds, Size] of [
    [11, 1024],
    [5000, 5000],
  ] as const)
    expect(spec(plan({ userns: "auto" }, { leastIds }))).toHaveProperty("idmappings", {
      AutoUserNs: true,
      AutoUserNsOpts: { Size },
    });
});
