import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "@lading/testkit";
import { expect, test } from "vitest";
import { findDevices } from "./host-devices.ts";
import { findOnHost } from "./host-request.ts";
import { findInit } from "./init-program.ts";

const isRoot = process.getuid?.() === 0;

test("a device is what stat finds, with all access and at the same path unless asked otherwise", async () => {
  expect(await findDevices([{ source: "/dev/full" }])).toMatchObject([
    { source: "/dev/full", destination: "/dev/full", type: "c", major: 1, minor: 7, mode: 0o666, access: "rwm" },
  ]);
  expect(await findDevices([{ source: "/dev/zero", destination: "/dev/nought/", access: "r" }])).toMatchObject([
    { source: "/dev/zero", destination: "/dev/nought", minor: 5, access: "r" },
  ]);
});

test.runIf(isRoot)("large numbers of devices are whole", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "node");
  execFileSync("mknod", ["-m", "0640", path, "b", "4095", "1048575"]);
  expect(await findDevices([{ source: path }])).toMatchObject([
    { type: "b", major: 4095, minor: 1_048_575, mode: 0o640 },
  ]);
});

test("a link is the device that it leads to, at the link's path", async () => {
  await using folder = await temporaryFolder();
  symlinkSync("/dev/null", join(folder.path, "link"));
  expect(await findDevices([{ source: join(folder.path, "link") }])).toMatchObject([
    { source: "/dev/null", destination: join(folder.path, "link"), minor: 3 },
  ]);
});

test.runIf(isRoot)("a folder is all the devices below it", async () => {
  await using folder = await temporaryFolder();
  mkdirSync(join(folder.path, "bus"));
  writeFileSync(join(folder.path, "file"), "");
  for (const name of ["a", "bus/b"]) execFileSync("mknod", [join(folder.path, name), "c", "1", "3"]);
  const found = await findDevices([{ source: folder.path, destination: "/dev/all" }]);
  expect(found.map(({ destination }) => destination).toSorted()).toEqual(["/dev/all/a", "/dev/all/bus/b"]);
});

test.each([
  [{ source: "/dev/nothing" }, "it is not there"],
  [{ source: "/etc/hosts" }, "it is none"],
  [{ source: "/etc" }, "there is none in it"],
  [{ source: "vendor.com/class=name" }, "expected an absolute path"],
  [{ source: "/dev/null", access: "x" }, 'access "x" is none'],
  [{ source: "/dev/null", access: "rr" }, 'access "rr" is none'],
  [{ source: "/dev/null", destination: "/proc/x" }, "the runtime's own"],
  [{ source: "/dev/null", destination: "/dev/../etc" }, 'without ".."'],
  [{ source: "/dev/null", destination: "dev" }, "expected an absolute path"],
])("the device %j is refused", async (request, message) => {
  await expect(findDevices([request])).rejects.toThrow(message);
  await expect(findDevices([request])).rejects.toMatchObject({ code: "SPEC" });
});

test("two devices at one place are refused", async () => {
  const requests = [{ source: "/dev/null" }, { source: "/dev/zero", destination: "/dev/null" }];
  await expect(findDevices(requests)).rejects.toThrow('Cannot have two devices at "/dev/null"');
});

test("an init program is static, and catatonit comes before tini", async () => {
  await using folder = await temporaryFolder();
  expect(await findInit([folder.path])).toBeUndefined();
  // What runs these tests asks for a loader.
  copyFileSync(process.execPath, join(folder.path, "tini"));
  writeFileSync(join(folder.path, "docker-init"), "#!/bin/sh\n");
  expect(await findInit([folder.path])).toBeUndefined();
  if (!existsSync("/bin/busybox")) return;
  for (const name of ["tini-static", "catatonit"]) {
    copyFileSync("/bin/busybox", join(folder.path, name));
    chmodSync(join(folder.path, name), 0o755);
    expect(await findInit([folder.path])).toBe(join(folder.path, name));
  }
});

test("a request is found on the host as a whole", async () => {
  const spec = {
    mounts: [{ type: "bind", source: "/tmp/../tmp", destination: "/t" }],
    devices: [{ source: "/dev/null" }],
    user: "1000",
  } as const;
  expect(await findOnHost(spec)).toMatchObject({
    spec: { user: "1000", mounts: [{ source: "/tmp" }] },
    devices: [{ destination: "/dev/null" }],
    init: undefined,
  });
  await expect(findOnHost({ mounts: [{ type: "bind", source: "/proc", destination: "/t" }] })).rejects.toThrow("/proc");
});
