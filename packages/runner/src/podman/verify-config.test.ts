import { expect, test } from "vitest";
import { testPlan } from "../spec/run-bundle.suite.ts";
import { differences, runtimeConfig } from "./verify-config.ts";
import { runtimeSpec } from "../runtime-spec.ts";

const plan = testPlan({
  network: "none",
  memory: 1 << 26,
  mounts: [{ type: "bind", source: "/srv", destination: "/data" }],
});
const place = { root: "/rootfs", cgroupsPath: "/c", files: {}, joined: {}, hostname: "box" };

/** What podman would write of the plan, were it to do as it is told; with these changes, by path. */
function config(changes: Readonly<Record<string, unknown>> = {}): ReturnType<typeof runtimeConfig.parse> {
  const spec: object = JSON.parse(JSON.stringify(runtimeSpec(plan, place)));
  for (const [path, value] of Object.entries(changes)) {
    const keys = path.split(".");
    let at: object = spec;
    for (const key of keys.slice(0, -1)) at = Object(Reflect.get(at, key));
    Reflect.set(at, keys.at(-1) ?? "", value);
  }
  return runtimeConfig.parse(spec);
}

test("a config that is the plan's has no differences", () => {
  expect(differences(plan, config())).toEqual([]);
});

test("memory that cannot be written to is no difference", () => {
  const of = testPlan({ network: "none", mounts: [{ type: "tmpfs", destination: "/m", options: ["ro"] }] });
  const written = runtimeConfig.parse(JSON.parse(JSON.stringify(runtimeSpec(of, place))));
  expect(differences(of, written)).toEqual([]);
});

test("what podman cannot be kept from is no difference", () => {
  const mounts = [...config().mounts, { destination: "/run/.containerenv", type: "bind", source: "/x", options: [] }];
  const env = [...plan.env, "HOSTNAME=box"];
  expect(differences(plan, config({ mounts, "process.env": env }))).toEqual([]);
});

test.each([
  [{ "process.capabilities.bounding": ["CAP_SYS_ADMIN"] }, "bounding capabilities with CAP_SYS_ADMIN"],
  [{ "process.noNewPrivileges": false }, "no-new-privileges: false and not true"],
  [{ "process.env": [...plan.env, "AWS_KEY=secret"] }, "environment with AWS_KEY=secret"],
  [{ "process.user.uid": 7 }, "user: [7,0] and not [0,0]"],
  [{ "process.user.additionalGids": [0, 7] }, "groups with 7"],
  [{ "process.args": ["other"] }, "arguments"],
  [{ "process.rlimits": [] }, "rlimits without nofile"],
  [{ "linux.maskedPaths": ["/proc/kcore"] }, "masked paths without /proc/acpi"],
  [{ "linux.readonlyPaths": [] }, "read-only paths without"],
  [{ "linux.seccomp": undefined }, "seccomp"],
  [{ "linux.resources.memory": undefined }, "memory: undefined and not 67108864"],
  [{ "linux.resources.pids": { limit: -1 } }, "processes"],
  [{ "linux.namespaces": [{ type: "mount" }] }, "namespaces without"],
  [{ "linux.devices": [{ path: "/dev/sda" }] }, "devices with /dev/sda"],
  [{ "linux.sysctl": { ...plan.sysctls, "net.ipv4.ip_forward": "1" } }, "sysctls with net.ipv4.ip_forward=1"],
  [{ "root.readonly": true }, "read-only root"],
  [
    { mounts: [...config().mounts, { destination: "/host", type: "bind", source: "/", options: ["rw"] }] },
    "mounts with /host rw",
  ],
  [{ mounts: config().mounts.filter(({ destination }) => destination !== "/data") }, "mounts without /data rw"],
])("%j is told", (changes, sentence) => {
  expect(differences(plan, config(changes)).join("; ")).toContain(sentence);
});
