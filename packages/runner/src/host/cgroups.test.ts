import { expect, test } from "vitest";
import { cgroupFolder, cgroupVersion, parseMemberships } from "./cgroups.ts";
import { parseMountInfo } from "./mount-info.ts";

const unified = parseMountInfo(Buffer.from("30 22 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"));
const named = parseMountInfo(
  Buffer.from(
    "30 22 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n31 30 0:27 / /mnt/systemd rw - cgroup none rw,name=systemd\n",
  ),
);

test("a hierarchy that only has a name does not make a machine hybrid", () => {
  expect(cgroupVersion(parseMemberships("1:name=systemd:/\n0::/a\n"), named)).toBe("v2");
  expect(cgroupVersion(parseMemberships("2:pids:/\n1:name=systemd:/\n0::/a\n"), named)).toBe("hybrid");
  expect(cgroupVersion(parseMemberships("2:pids:/\n1:name=systemd:/\n"), [])).toBe("v1");
});

test("in a container without a cgroup namespace the mount shows only a part of the hierarchy", () => {
  const inside = parseMountInfo(Buffer.from("30 22 0:26 /docker/a /sys/fs/cgroup/pids ro - cgroup cgroup rw,pids\n"));
  const find = (path: string): string | undefined =>
    cgroupFolder("pids", parseMemberships(`4:pids:${path}\n`), inside)?.folder;
  expect(find("/docker/a")).toBe("/sys/fs/cgroup/pids");
  expect(find("/docker/a/nested")).toBe("/sys/fs/cgroup/pids/nested");
  expect(find("/docker/ab")).toBeUndefined();
});

test("a process outside of the reader's cgroup namespace is found where a mount leads above it, else not", () => {
  expect(folderOf("/", "/../other")).toBeUndefined();
  expect(folderOf("/..", "/../other")).toBe("/sys/fs/cgroup/other");
  expect(folderOf("/..", "/../../other")).toBeUndefined();
});

test("a cgroup that was removed while a process was in it keeps its path", () => {
  expect(cgroupFolder("pids", parseMemberships("0::/a:b (deleted)\n"), unified)?.folder).toBe("/sys/fs/cgroup/a:b");
});

function folderOf(mountRoot: string, path: string): string | undefined {
  const mounts = `30 22 0:26 ${mountRoot} /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n`;
  return cgroupFolder("pids", parseMemberships(`0::${path}\n`), parseMountInfo(Buffer.from(mounts)))?.folder;
}
