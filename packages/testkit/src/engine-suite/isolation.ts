import { readFileSync, readlinkSync } from "node:fs";
import { type Isolation, type ProfileName, securityProfiles } from "@lading/runner";
import { expect, test } from "vitest";
import type { ProbeReport } from "../probe.ts";
import type { Bench } from "./bench.ts";

/** What a profile promises, seen from inside and read back from the kernel. */
export function isolation(bench: () => Bench): void {
  test("a container has namespaces of its own, but for time and user", async () => {
    const { namespaces } = await bench().look();

    for (const kind of ["cgroup", "ipc", "mnt", "net", "pid", "uts"])
      expect(namespaces[kind], kind).not.toBe(hostNamespace(kind));
    if (!bench().info.rootless) expect(namespaces["user"]).toBe(hostNamespace("user"));
  });

  test.each(["strict", "default", "docker", "unconfined"] as const)("profile %s is in force", async (profile) => {
    const report = await bench().look({ profile });
    const plan = bench().plan({ profile, command: ["true"] });

    const { effective, bounding } = plan.capabilities;
    expect(capabilitySets(report)).toEqual({
      CapInh: mask([]),
      CapPrm: mask(effective),
      CapEff: mask(effective),
      CapBnd: mask(bounding),
      CapAmb: mask([]),
    });
    expect(report.status["NoNewPrivs"]).toBe(plan.noNewPrivileges ? "1" : "0");
    expect(report.status["Seccomp"]).toBe(plan.seccomp === undefined ? "0" : "2");
    expect(report.paths["/"]).toMatch(plan.readonlyRoot ? /readonly$/ : /writable$/);
    const seen = Object.entries(report.paths).filter(([, state]) => !state.startsWith("absent"));
    for (const [path, state] of seen) {
      // A masked folder is an empty one, and a masked file the null device.
      if (plan.maskedPaths.includes(path)) expect(state, path).toMatch(/^folder:0 readonly$|^device /);
      if (plan.readonlyPaths.includes(path)) expect(state, path).toMatch(/ readonly$/);
    }
  });

  test("what a program may not do it cannot", async () => {
    const { attempts } = await bench().look();

    for (const what of [
      "make a device",
      "read a device that was not given",
      "mount a tmpfs",
      "make /proc/sys writable",
      "set the host name",
      "read the kernel's log",
      "lower the nice value",
      "open a raw socket",
    ])
      expect(attempts[what], what).not.toBe("0");
    for (const what of ["change an owner", "change the root"]) expect(attempts[what], what).toBe("0");
  });

  test("strict lets nothing be changed", async () => {
    const { attempts } = await bench().look({ profile: "strict" });

    expect(attempts["change an owner"]).not.toBe("0");
    expect(attempts["change the root"]).not.toBe("0");
    expect(attempts["make the root writable"]).not.toBe("0");
  });

  test("no file of the engine or of this process is open in it", async () => {
    const { lines } = await bench().look();

    // `ls -l`: "… 0 -> /dev/null". The shell has its script open.
    const descriptors = lines("descriptors")
      .filter((line) => !line.endsWith(" -> /bin/probe"))
      .flatMap((line) => / (\d+) -> /.exec(line)?.[1] ?? []);
    expect(descriptors).toEqual(["0", "1", "2"]);
  });

  test("its environment is the image's and the request's with its host name, and nothing of the host", async () => {
    const { env, lines } = await bench().look({ env: ["ASKED=a=b c", "FROM_IMAGE=changed", "EMPTY="] });

    const own = [`HOSTNAME=${lines("hostname")[0]}`, "PATH=/bin", "HOME=/root"];
    expect([...env].toSorted()).toEqual([...own, "FROM_IMAGE=changed", "ASKED=a=b c", "EMPTY="].toSorted());
  });

  test("it begins its session, with the usual mask of modes, in the folder that was asked for", async () => {
    const { lines } = await bench().look({ workdir: "/srv/data" });

    const [pid, group, session] = (lines("session")[0] ?? "").split(" ");
    expect([group, session]).toEqual([pid, pid]);
    expect(lines("umask")).toEqual(["0022"]);
    expect(lines("cwd")).toEqual(["/srv/data"]);
  });

  test("a folder to work in that the image does not have is made", async () => {
    expect((await bench().look({ workdir: "/not/there" })).lines("cwd")).toEqual(["/not/there"]);
  });

  test("its oom score is this process's, or the one that was asked for", async () => {
    const own = readFileSync("/proc/self/oom_score_adj", "utf8").trim();

    expect((await bench().look()).lines("oom_score_adj")).toEqual([own]);
    expect((await bench().look({ oomScoreAdj: 500 })).lines("oom_score_adj")).toEqual(["500"]);
  });

  test("capabilities are added and dropped by name", async () => {
    const report = await bench().look({ capAdd: ["NET_RAW"], capDrop: ["CHOWN", "CAP_SETUID"] });

    const names = [...securityProfiles.default.capabilities, "CAP_NET_RAW"].filter(
      (name) => name !== "CAP_CHOWN" && name !== "CAP_SETUID",
    );
    expect(report.status["CapBnd"]).toBe(mask(names));
    expect(report.attempts["change an owner"]).not.toBe("0");
  });

  test("who is not root has in effect only what was added by name", async () => {
    const plain = await bench().look({ user: "app" });
    const added = await bench().look({ user: "app", capAdd: ["NET_BIND_SERVICE", "NET_RAW"] });

    expect(plain.status).toMatchObject({ CapEff: mask([]), CapPrm: mask([]), CapAmb: mask([]), CapInh: mask([]) });
    expect(plain.status["CapBnd"]).toBe(mask(securityProfiles.default.capabilities));
    const both = mask(["CAP_NET_BIND_SERVICE", "CAP_NET_RAW"]);
    expect(added.status).toMatchObject({ CapEff: both, CapPrm: both, CapAmb: both, CapInh: both });
  });

  test("privileges that may be regained, and a filter that is left out, are so", async () => {
    const report = await bench().look({ noNewPrivileges: false, seccomp: "unconfined" });

    expect(report.status).toMatchObject({ NoNewPrivs: "0", Seccomp: "0" });
  });

  test("a filter of one's own is in force", async () => {
    const report = await bench().look({
      seccomp: {
        defaultAction: "SCMP_ACT_ALLOW",
        syscalls: [{ names: ["chown", "fchownat", "lchown"], action: "SCMP_ACT_ERRNO", errnoRet: 1 }],
      },
    });

    expect(report.status["Seccomp"]).toBe("2");
    expect(report.attempts["change an owner"]).not.toBe("0");
    expect(report.attempts["change the root"]).toBe("0");
  });

  test("paths are masked and bared by name", async () => {
    const report = await bench().look({ mask: ["/srv/data", "/etc/group"], unmask: ["/proc/interrupts", "/proc/bus"] });
    const { stdout } = await bench().sh("ls -A /srv/data | wc -l; wc -c < /etc/group", {
      mask: ["/srv/data", "/etc/group"],
    });

    expect(stdout.trim().split(/\s+/)).toEqual(["0", "0"]);
    expect(report.paths["/proc/interrupts"]).toMatch(/^file /);
    expect(report.paths["/proc/bus"]).toMatch(/writable$/);
  });

  test("what the kernel says of a container that runs is what its program sees", async () => {
    await using container = await bench().idle({ user: "app", readonlyRoot: true });
    const inside = await bench().lookInto(container);
    const outside = await container.isolation();

    for (const [kind, { inode }] of Object.entries(outside.namespaces))
      expect(inside.namespaces[kind], kind).toBe(inode);
    const { effective, permitted, inheritable, bounding, ambient } = outside.capabilities;
    expect(capabilitySets(inside)).toEqual({
      CapInh: mask(inheritable),
      CapPrm: mask(permitted),
      CapEff: mask(effective),
      CapBnd: mask(bounding),
      CapAmb: mask(ambient),
    });
    expect(outside.noNewPrivileges ? "1" : "0").toBe(inside.status["NoNewPrivs"]);
    expect(outside.seccomp === "filter" ? "2" : "0").toBe(inside.status["Seccomp"]);
    expect(outside.user).toEqual({ uid: 1000, gid: 1000, groups: [50, 1000] });
    expect(outside.readonlyRoot).toBe(true);
    expect(String(outside.oomScoreAdj)).toBe(inside.lines("oom_score_adj")[0]);
    expect(placesOf(outside.mounts)).toEqual(placesOf(inside.mounts));
    const [soft = "", hard = ""] = inside.limits["Max open files"] ?? [];
    expect(outside.rlimits["nofile"]).toEqual({ soft: Number(soft), hard: Number(hard) });
    expect(pathsOf(outside)).toEqual(pathsOf(bench().plan({ command: ["true"] }), inside));
  });

  test("what does not run has no isolation", async () => {
    await using container = await bench().shell("true");

    await expect(container.isolation()).rejects.toMatchObject({ code: "STATE" });
  });
}

export function hostNamespace(kind: string): number {
  return Number(/\[(\d+)\]/.exec(readlinkSync(`/proc/self/ns/${kind}`))?.[1]);
}

function capabilitySets({ status }: ProbeReport): Readonly<Record<string, string | undefined>> {
  return Object.fromEntries(["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"].map((name) => [name, status[name]]));
}

const allCapabilities: ProfileName = "unconfined";

function placesOf(mounts: readonly { readonly destination: string }[]): readonly string[] {
  return mounts.map(({ destination }) => destination).toSorted();
}

/** As /proc/PID/status writes a set of capabilities. */
function mask(names: readonly string[]): string {
  const known = securityProfiles[allCapabilities].capabilities;
  const bits = names.reduce((sum, name) => sum | (1n << BigInt(known.indexOf(name))), 0n);
  return bits.toString(16).padStart(16, "0");
}

/** Masked and read-only paths; of a plan, those that are there to be seen. */
function pathsOf(
  { maskedPaths, readonlyPaths }: Pick<Isolation, "maskedPaths" | "readonlyPaths">,
  inside?: ProbeReport,
): { readonly masked: readonly string[]; readonly readonly: readonly string[] } {
  const there = (path: string): boolean => inside === undefined || inside.paths[path]?.startsWith("absent") === false;
  return { masked: maskedPaths.filter(there).toSorted(), readonly: readonlyPaths.filter(there).toSorted() };
}
