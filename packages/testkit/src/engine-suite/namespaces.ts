import { existsSync, statSync } from "node:fs";
import type { RunSpec } from "@lading/runner";
import { expect, test } from "vitest";
import { type Bench, watched } from "./bench.ts";
import { hostNamespace } from "./isolation.ts";

/** Each namespace: the host's, another container's, a file's; and the users of a user namespace. */
export function namespaces(bench: () => Bench): void {
  test.each([
    ["pid", { pid: "host" }],
    ["ipc", { ipc: "host" }],
    ["uts", { uts: "host" }],
    ["cgroup", { cgroup: "host" }],
    ["net", { network: "host" }],
  ] as const)("the %s namespace is the host's when it is asked for", async (kind, spec) => {
    // podman without root passes the host's queues on, and fails where there are none.
    if (kind === "ipc" && bench().info.rootless && !existsSync("/dev/mqueue")) return;
    await bench().unlessRefused(async () => {
      const { namespaces: inside } = await bench().look(spec);

      expect(inside[kind]).toBe(hostNamespace(kind));
      for (const other of ["cgroup", "ipc", "mnt", "net", "pid", "uts"])
        // A name of its own would be the host's: with the host's network comes the host's name.
        if (other !== kind && !(kind === "net" && other === "uts"))
          expect(inside[other], other).not.toBe(hostNamespace(other));
    });
  });

  test.each([
    ["net", "network"],
    ["pid", "pid"],
    ["ipc", "ipc"],
    ["uts", "uts"],
  ] as const)("the %s namespace is another container's when it is asked for", async (kind, key) => {
    await using first = await bench().idle();
    const { namespaces: others } = await first.isolation();

    const inside = await bench().look({ [key]: { container: first.name } });

    expect(inside.namespaces[kind]).toBe(others[kind]?.inode);
    for (const other of ["cgroup", "mnt"] as const) expect(inside.namespaces[other]).not.toBe(others[other]?.inode);
  });

  test("three namespaces of another container are joined at once, by its ID", async () => {
    await using first = await bench().idle();
    const container = { container: first.id };

    const { namespaces: inside, lines } = await bench().look({ network: container, ipc: container, uts: container });

    const { namespaces: others } = await first.isolation();
    for (const kind of ["net", "ipc", "uts"] as const) expect(inside[kind], kind).toBe(others[kind]?.inode);
    expect(inside["pid"]).not.toBe(others.pid?.inode);
    expect(lines("hostname")).toEqual([first.id.slice(0, 12)]);
  });

  test.each([
    ["net", "network"],
    ["ipc", "ipc"],
    ["uts", "uts"],
    ["pid", "pid"],
  ] as const)("the %s namespace is the one of a file", async (kind, key) => {
    await using first = await bench().idle();
    const { pid, namespaces: others } = await first.isolation();

    const inside = await bench().look({ [key]: { path: `/proc/${pid}/ns/${kind}` } });

    expect(inside.namespaces[kind]).toBe(others[kind]?.inode);
  });

  test("a file that is no namespace is told, and one that is not there", async () => {
    for (const path of ["/etc/passwd", "/missing/ns"])
      await expect(bench().sh("true", { network: { path } })).rejects.toMatchObject({ code: "SPEC" });
  });

  test("who joins a container that does not run is told so", async () => {
    await using first = await bench().shell("true");

    await expect(bench().sh("true", { network: { container: first.name } })).rejects.toMatchObject({ code: "STATE" });
    await expect(bench().sh("true", { ipc: { container: "nobody-has-this-name" } })).rejects.toMatchObject({
      code: "NOT_FOUND",
    });
  });

  test("a program in a pid namespace of its own is its process 1, and sees no other", async () => {
    const { lines } = await bench().look();

    expect(lines("session")[0]?.split(" ")[0]).toBe("1");
    expect(Number(lines("processes")[0])).toBeLessThan(6);
  });

  test("the host name is the beginning of the container's ID, or the one that was asked for", async () => {
    const script = 'hostname; echo "$(cat /etc/hostname)"';
    await using container = await bench().shell(script);
    const id = container.id.slice(0, 12);

    expect((await bench().toEnd(container)).stdout).toBe(`${id}\n${id}\n`);
    expect((await bench().sh(script, { hostname: "box.example" })).stdout).toBe("box.example\nbox.example\n");
  });

  test("a time namespace is private when it is asked for, or is refused", async () => {
    if (bench().info.timeNamespaces)
      expect((await bench().look({ time: "private" })).namespaces["time"]).not.toBe(hostNamespace("time"));
    else
      expect(() => bench().plan({ command: ["true"], time: "private" })).toThrow(
        "Cannot give the container a time namespace",
      );
  });

  test("users are mapped as it was said, and the image's files belong to who they should", async () => {
    const userns = someIds(bench());

    const { uidMap, gidMap, namespaces: inside, attempts } = await bench().look({ userns });
    const { stdout } = await bench().sh(
      "stat -c '%u:%g' /etc/passwd /srv/data/seed; touch /tmp/x && stat -c '%u:%g' /tmp/x",
      {
        userns,
      },
    );

    expect(inside["user"]).not.toBe(hostNamespace("user"));
    if (!bench().info.rootless) for (const map of [uidMap, gidMap]) expect(map).toEqual([[0, 300_000, 65_000]]);
    expect(stdout).toBe("0:0\n1000:1000\n0:0\n");
    expect(attempts["change an owner"]).toBe("0");
  });

  test("a mapped container runs as the user who was asked for, and leaves nothing to root of the host", async () => {
    await using container = await bench().shell("id -u; touch /tmp/mine; sleep 30", {
      user: "app",
      userns: someIds(bench()),
    });
    await container.start(watched);

    const { user, uidMap } = await container.isolation();

    expect(user).toMatchObject({ uid: 1000, gid: 1000 });
    expect(uidMap).toHaveLength(1);
    expect(uidMap[0]?.hostId).not.toBe(0);
    expect((await bench().exec(container, ["stat", "-c", "%u", "/tmp"])).stdout).toBe("0\n");
  });

  test("the host's devices stay whose they were, though a mapped program reads and writes through them", async () => {
    const before = deviceOwners();

    await bench().sh("echo x >/dev/null", { user: "app", userns: someIds(bench()) });
    await bench().sh("echo x >/dev/null", { user: "app" });

    expect(deviceOwners()).toEqual(before);
  });

  test("auto gives each container users that no other has, or is refused", async () => {
    if (!bench().info.userNamespaces.includes("auto")) {
      expect(() => bench().plan({ command: ["true"], userns: "auto" })).toThrow('Cannot use user namespace "auto"');
      return;
    }
    await using first = await bench().idle({ userns: "auto" });
    await using second = await bench().idle({ userns: "auto" });
    const [one, two] = [await first.isolation(), await second.isolation()];

    // Somebody who is not root has fewer to give.
    if (!bench().info.rootless)
      for (const { uidMap, gidMap } of [one, two]) {
        expect(uidMap).toMatchObject([{ containerId: 0, size: 65_536 }]);
        expect(gidMap).toMatchObject([{ containerId: 0, size: 65_536 }]);
      }
    for (const a of one.uidMap)
      for (const b of two.uidMap)
        expect(a.hostId >= b.hostId + b.size || b.hostId >= a.hostId + a.size, `${a.hostId} ${b.hostId}`).toBe(true);
    expect((await bench().exec(first, ["stat", "-c", "%u:%g", "/etc/passwd"])).stdout).toBe("0:0\n");
  });
}

/** Ids for a container, in the numbers of the engine's own user namespace; of a few, most are left to others. */
function someIds({ info }: Bench): Exclude<RunSpec["userns"], string | undefined> {
  const range = [
    { containerId: 0, ...(info.rootless ? { hostId: 1, size: 2000 } : { hostId: 300_000, size: 65_000 }) },
  ];
  return { uidMap: range, gidMap: range };
}

function deviceOwners(): readonly string[] {
  return ["/dev/null", "/dev/zero", "/dev/tty"].map((path) => {
    const { uid, gid } = statSync(path);
    return `${path} ${uid}:${gid}`;
  });
}
