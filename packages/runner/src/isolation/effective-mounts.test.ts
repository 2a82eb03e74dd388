import { expect, test } from "vitest";
import { parseMountInfo } from "../host/mount-info.ts";
import { effectiveMounts } from "./effective-mounts.ts";

// Recorded of a container that runc 1.1.5 made, with a user namespace, on cgroup v1.
const recorded = `65 43 254:0 /rootfs / ro,relatime - ext4 /dev/vda rw,discard
66 65 0:40 / /proc rw,relatime - proc proc rw
67 65 0:41 / /dev rw,nosuid - tmpfs tmpfs rw,size=65536k,mode=755,uid=200000,gid=200000
71 65 0:44 / /sys ro,nosuid,nodev,noexec,relatime - sysfs sysfs ro
72 71 0:45 / /sys/fs/cgroup ro,nosuid,nodev,noexec,relatime - tmpfs tmpfs rw,mode=755,uid=200000,gid=200000
73 72 0:29 /box /sys/fs/cgroup/cpu ro,nosuid,nodev,noexec,relatime - cgroup cgroup rw,cpu
82 67 0:6 /null /dev/null rw,relatime - devtmpfs devtmpfs rw,mode=755
88 65 0:50 /state/hosts /etc/hosts rw,relatime shared:4 master:2 - tmpfs tmpfs rw,mode=755
44 66 0:40 /bus /proc/bus ro,relatime - proc proc rw
47 66 0:40 /sys /proc/sys ro,relatime - proc proc rw
48 66 0:46 / /proc/acpi ro,relatime - tmpfs tmpfs ro,uid=200000,gid=200000
49 66 0:6 /null /proc/keys rw,relatime - devtmpfs devtmpfs rw,mode=755
51 71 0:47 / /sys/firmware ro,relatime - tmpfs tmpfs ro,uid=200000,gid=200000
`;
const mounts = effectiveMounts(parseMountInfo(Buffer.from(recorded)));

test("files under /dev/null and folders under an empty file system are masked", () => {
  expect(mounts.maskedPaths).toEqual(["/proc/acpi", "/proc/keys", "/sys/firmware"]);
});

test("paths mounted over themselves are read-only; /sys is as a whole and cgroups are not part of it", () => {
  expect(mounts.readonlyPaths).toEqual(["/proc/bus", "/proc/sys"]);
});

test("a root that is read-only is so whatever its file system is", () => {
  expect(mounts.readonlyRoot).toBe(true);
  expect(mounts.mounts[0]).toEqual({
    destination: "/",
    type: "ext4",
    bind: true,
    options: ["discard", "relatime", "ro"],
  });
});

test("a file of the host is told from a file system, and so is that mounts are passed on", () => {
  expect(mounts.mounts.find(({ destination }) => destination === "/etc/hosts")).toEqual({
    destination: "/etc/hosts",
    type: "tmpfs",
    bind: true,
    options: ["mode=755", "relatime", "rw", "shared", "slave"],
  });
});
