import { linkSync, mkdirSync, readFileSync, realpathSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { cases, temporaryFolder } from "@lading/testkit";
import { expect, test } from "vitest";
import { parseMountInfo, visibleMounts } from "../host/mount-info.ts";
import type { BindMount } from "../run-spec.ts";
import { resolveBindSources } from "./bind-sources.ts";
import { dangerOf } from "./dangerous-paths.ts";

const bind = (source: string, more: Partial<BindMount> = {}): BindMount => ({
  type: "bind",
  source,
  destination: "/x",
  ...more,
});
const resolved = async (source: string, more: Partial<BindMount> = {}): Promise<unknown> =>
  (await resolveBindSources([bind(source, more)]))[0];

test("sources are what is mounted, not links to it", async () => {
  await using folder = await temporaryFolder();
  const path = realpathSync(folder.path);
  symlinkSync(path, join(path, "link"));
  writeFileSync(join(path, "file"), "");
  expect(await resolved(join(path, "link/file"), { readonly: true })).toEqual(
    bind(join(path, "file"), { readonly: true }),
  );
});

test("other mounts are left alone", async () => {
  const mounts = [
    { type: "volume", name: "v", destination: "/v" },
    { type: "tmpfs", destination: "/t" },
  ] as const;
  expect(await resolveBindSources(mounts)).toEqual(mounts);
});

test("a source that is not there is named", async () => {
  await expect(resolved("/nowhere/at/all")).rejects.toThrow('Cannot mount "/nowhere/at/all": it is not there');
  await expect(resolved("/etc/hosts/x")).rejects.toThrow("it is not there");
  await expect(resolved("relative")).rejects.toThrow("expected an absolute path");
  await expect(resolved("/a\0b")).rejects.toThrow("expected an absolute path");
});

const handsOver = [
  ["/", "it is the whole machine"],
  ["//", "it is the whole machine"],
  ["/etc", "the machine runs by what is in it"],
  ["/etc/../etc/", "the machine runs by what is in it"],
  ["/proc", "it is the kernel's own"],
  ["/proc/sys/kernel", "it is the kernel's own"],
  ["/sys/fs/cgroup", "it is the kernel's own"],
  ["/dev", "the machine runs by what is in it"],
  ["/boot", "the machine runs by what is in it"],
  ["/run", "the machine runs by what is in it"],
  ["/var/run", "the machine runs by what is in it"],
  ["/var", "/var/lib/docker is in it"],
  ["/var/run/docker.sock", "whoever can speak to that socket"],
  ["/run/podman/podman.sock", "whoever can speak to that socket"],
  ["/run/podman", "/run/podman/podman.sock is in it"],
  ["/run/containerd/containerd.sock", "whoever can speak to that socket"],
  ["/run/user/1000/podman/podman.sock", "whoever can speak to that socket"],
  ["/run/dbus", "/run/dbus/system_bus_socket is in it"],
  ["/var/lib/containers/storage", "it is where an engine keeps its containers"],
] as const;

test.each(handsOver)("%s would hand over the host", async (source, message) => {
  await expect(resolved(source)).rejects.toThrow(message);
  await expect(resolved(source)).rejects.toMatchObject({
    code: "SPEC",
    hint: expect.stringContaining("--allow-dangerous-mounts"),
  });
});

test("it is handed over to whoever says so, if it is there", async () => {
  expect(await resolveBindSources([bind("/etc")], { allowDangerousMounts: true })).toEqual([bind("/etc")]);
  const missing = resolveBindSources([bind("/run/nothing/docker.sock")], { allowDangerousMounts: true });
  await expect(missing).rejects.toThrow("it is not there");
});

test.each([
  "/etc/localtime",
  "/etc/ssl/certs",
  "/dev/shm",
  "/usr/share",
  "/home/me",
  "/srv/proc",
  "/tmp",
  "/run/user/1000/app",
])("%s does not", (path) => {
  expect(dangerOf(path, { home: "/home/me" })).toBeUndefined();
});

test("a user's own store is an engine's as well", () => {
  expect(dangerOf("/home/me/.local/share/containers/storage", { home: "/home/me" })).toContain("keeps its containers");
});

test("no link and no other name of a socket gets around that", async () => {
  await using folder = await temporaryFolder();
  const at = (name: string): string => join(realpathSync(folder.path), name);
  symlinkSync("/", at("all"));
  await expect(resolved(at("all/etc"))).rejects.toThrow('(it leads to "/etc")');
  mkdirSync(at("real"));
  const server = createServer().listen(at("real/docker.sock"));
  try {
    await new Promise((resolve) => server.once("listening", resolve));
    symlinkSync(at("real/docker.sock"), at("innocent"));
    await expect(resolved(at("innocent"))).rejects.toThrow("whoever can speak to that socket");
    linkSync(at("real/docker.sock"), at("another"));
    const mounts = [bind(at("another"))];
    const another = resolveBindSources(mounts, { sockets: ["/run/nothing.sock", at("real/docker.sock")] });
    await expect(another).rejects.toThrow(`it is ${at("real/docker.sock")}`);
  } finally {
    server.close();
  }
});

// Those that every machine has, and that nobody unmounts meanwhile.
const steady = new Set(["/", "/proc", "/sys", "/dev", "/dev/shm"]);
const mounts = visibleMounts(parseMountInfo(readFileSync("/proc/self/mountinfo"))).filter(({ destination }) =>
  steady.has(destination),
);
const allowed = async (source: string, propagation: BindMount["propagation"]): Promise<unknown> =>
  await resolveBindSources([bind(source, { propagation })], { allowDangerousMounts: true });

test("mounts go to and fro only where the host's are shared", async () => {
  const shared = mounts.filter(({ propagation }) => propagation.some((each) => each.startsWith("shared:")));
  const apart = mounts.filter(({ propagation }) => propagation.length === 0);
  for (const { destination } of shared)
    for (const propagation of ["shared", "rshared", "slave", "rslave"] as const)
      expect(await allowed(destination, propagation)).toBeDefined();
  for (const { destination } of apart) {
    for (const propagation of ["shared", "rshared", "slave", "rslave"] as const)
      await expect(allowed(destination, propagation)).rejects.toThrow(`"${destination}" is not a shared mount`);
    expect(await allowed(destination, "private")).toBeDefined();
  }
  expect(shared.length + apart.length).toBeGreaterThan(0);
});

test.runIf(cases !== undefined)("R14-sockets: every mount of the shared case is refused", async () => {
  const text = JSON.stringify(cases?.json("hostile/runner-cases.json"));
  const [, list = ""] = /mounts requested: ([^"]+)/.exec(text) ?? [];
  const paths = list.split(", ");
  expect(paths.length).toBeGreaterThan(3);
  for (const path of paths)
    await expect(resolved(path)).rejects.toMatchObject({ hint: expect.stringContaining("allow") });
});
