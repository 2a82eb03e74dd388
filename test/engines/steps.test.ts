import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { chmod, lstat, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Image, openImage } from "@lading/oci";
import { RuncSteps, type RunStepOptions, type Step } from "@lading/runner";
import { probeImage, temporaryFolder } from "@lading/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { installed, isRoot, run } from "../interop/command.ts";
import { probeStep } from "./probe-step.ts";

const canRun = isRoot && installed("runc", "crun", "busybox", "setpriv", "unshare", "cni/bridge", "iptables", "ip");
/** Where root is somebody else's: without its own cgroups, and without this machine's network. */
const isMapped = !/^\s*0\s+0\s/.test(canRun ? readFileSync("/proc/self/uid_map", "latin1") : "");

describe.runIf(canRun).each(["runc", "crun"])("a step with %s", (runtime) => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let steps: RuncSteps;
  let base: Image;
  beforeAll(async () => {
    folder = await temporaryFolder();
    steps = new RuncSteps({ root: join(folder.path, "state"), runtime: (await run("which", [runtime])).trim() });
    const { source, image } = await probeImage();
    base = await openImage(source, image.descriptor);
  });
  afterAll(async () => {
    await steps[Symbol.asyncDispose]();
    expect(readdirSync(join(folder.path, "state/build/steps"))).toEqual([]);
    expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain(folder.path);
    await folder[Symbol.asyncDispose]();
  });

  interface Ended {
    readonly code: number;
    readonly stdout: string;
    readonly stderr: string;
    /** What is in the changes, as `look` says. */
    readonly changes: readonly string[];
  }
  async function sh(script: string, more: Partial<Step> = {}, options: RunStepOptions = {}): Promise<Ended> {
    const said = { stdout: "", stderr: "" };
    const onOutput: RunStepOptions["onOutput"] = (chunk, stream) => {
      said[stream] += Buffer.from(chunk).toString();
      options.onOutput?.(chunk, stream);
    };
    await using end = await steps.run({ ...probeStep(base, script), ...more }, { ...options, onOutput });
    return { code: end.exitCode, ...said, changes: await look(end.changes) };
  }

  test("leaves what it added, changed and removed, and nothing else", async () => {
    const script = `
      echo new > /new; chown 1000:50 /new; chmod 4750 /new; echo line >> /etc/passwd; rm /etc/group
      rm -r /srv/data; mkdir /srv/data; ln -s /new /srv/link; ln /new /srv/other; mkfifo /pipe; touch /gone; rm /gone
      touch /proc/x 2>&1; touch /dev/x /dev/shm/x`;
    expect(await sh(script)).toMatchObject({
      code: 0,
      stderr: "",
      changes: [
        "etc/ 755 0:0",
        "etc/group gone",
        expect.stringMatching(/^etc\/passwd 644 0:0 root:.*\nline\n$/s),
        "new 4750 1000:50 new\n",
        "pipe fifo",
        "srv/ 755 0:0",
        "srv/data/ 755 0:0",
        "srv/link -> /new",
        "srv/other 4750 1000:50 new\n",
      ],
    });
  });

  test("sees a base and the layers on it, each with what it removes", async () => {
    const script = "cat /gone 2>/dev/null; stat -c %a:%u:%g /srv/data /srv/data/seed; ls /bin/probe; echo x > /srv/x";
    const merged = await sh(script);
    const stacked = await sh(script, { base: undefined, layers: base.layers });
    expect(merged.stdout).toBe("750:1000:1000\n640:1000:1000\n/bin/probe\n");
    expect(stacked).toEqual(merged);
  });

  test("runs as a user of the files, where and with what it was told", async () => {
    const { stdout, changes } = await sh("id; pwd; env | sort", {
      user: "app",
      cwd: "/made/for it",
      env: ["PATH=/bin", "A=b c"],
    });
    expect(stdout.split("\n")).toEqual([
      "uid=1000(app) gid=1000(app) groups=50(staff),1000(app)",
      "/made/for it",
      "A=b c",
      "HOME=/home/app",
      "HOSTNAME=build",
      "PATH=/bin",
      "PWD=/made/for it",
      "SHLVL=1",
      "",
    ]);
    expect(changes).toEqual(["made/ 755 0:0", "made/for it/ 755 0:0"]);
  });

  test("may do what docker lets one do, so that package managers and sudo work", async () => {
    const { stdout } = await sh("grep -e ^CapEff -e NoNewPrivs -e ^Seccomp: /proc/self/status");
    expect(stdout).toBe("CapEff:\t00000000a80425fb\nNoNewPrivs:\t0\nSeccomp:\t2\n");
  });

  test("without a network has a loopback interface and no more", async () => {
    const { stdout, changes } = await sh("ip -o link | cut -d: -f2; cat /etc/hosts | grep -c localhost > /dev/null");
    expect(stdout).toBe(" lo\n");
    expect(changes).toEqual([]);
  });

  test("with a network of its own has an address, and servers of names that are not in the changes", async () => {
    const asked = sh("ip -o -4 addr show eth0 | grep -c inet; grep -c nameserver /etc/resolv.conf", {
      network: "default",
    });
    if (isMapped) await expect(asked).rejects.toMatchObject({ code: "UNSUPPORTED" });
    else expect(await asked).toMatchObject({ stdout: expect.stringMatching(/^1\n[1-9]\n$/), changes: [] });
  });

  test("with this machine's network has that", async () => {
    const { stdout, changes } = await sh("readlink /proc/self/ns/net; ls /sys/class/net | wc -l", { network: "host" });
    const [namespace] = stdout.split("\n");
    expect(namespace).toBe((await run("readlink", ["/proc/self/ns/net"])).trim());
    expect(changes).toEqual([]);
  });

  test("sees mounts of every kind, and leaves no trace of them", async () => {
    const from = join(folder.path, `from ,:'`);
    await mkdir(join(from, "sub"), { recursive: true });
    await writeFile(join(from, "file"), "of the machine\n");
    const cache = join(folder.path, "cache");
    const agent = createServer();
    agent.listen(join(folder.path, "agent"));
    await once(agent, "listening");
    const script = `
      cat /a/b/file; echo lost > /a/b/lost; rm -r /a/b/sub; touch /ro/x 2>/dev/null || echo read-only
      cat /one; echo lost > /one; cat /image/srv/data/seed; cat /seed; touch /image/x
      cat /run/secrets/key; stat -c '%a %u' /run/secrets/key; touch /run/secrets/key 2>/dev/null || echo read-only
      echo kept > /cache/kept; stat -c '%a %u:%g' /cache; df -k /big | tail -1 | tr -s ' ' | cut -d' ' -f2; touch /big/x
      stat -c '%F %a %u' /agent`;
    const files = { base, layers: [] };
    try {
      const { stdout, stderr, changes } = await sh(script, {
        mounts: [
          { type: "bind", target: "/a/b", source: from, readOnly: false },
          { type: "bind", target: "/ro", source: from, readOnly: true },
          { type: "bind", target: "/one", source: join(from, "file"), readOnly: false },
          { type: "bind", target: "/image", source: { files, path: "/" }, readOnly: false },
          { type: "bind", target: "/seed", source: { files, path: "/srv/data/seed" }, readOnly: true },
          {
            type: "secret",
            target: "/run/secrets/key",
            content: Buffer.from("hush\n"),
            mode: 0o440,
            uid: 1000,
            gid: 0,
          },
          { type: "cache", target: "/cache", source: cache, readOnly: false, mode: 0o1730, uid: 5, gid: 6 },
          { type: "tmpfs", target: "/big", size: 1 << 20 },
          { type: "ssh", target: "/agent", source: join(folder.path, "agent"), mode: 0o600, uid: 1000, gid: 0 },
        ],
      });
      expect({ stdout, stderr }).toEqual({
        stdout: [
          "of the machine",
          "read-only",
          "of the machine",
          "seed",
          "seed",
          "hush",
          "440 1000",
          "read-only",
          "1730 5:6",
          "1024",
          "socket 600 1000",
          "",
        ].join("\n"),
        stderr: "",
      });
      expect(changes).toEqual([]);
    } finally {
      agent.close();
    }
    expect((await readdir(from)).toSorted()).toEqual(["file", "sub"]);
    expect(await readFile(join(from, "file"), "utf8")).toBe("of the machine\n");
    expect(await readFile(join(cache, "kept"), "utf8")).toBe("kept\n");
  });

  test("sees a folder that is mounted to be written to with its owner and mode", async () => {
    const from = join(folder.path, "other mode");
    await mkdir(from);
    await chmod(from, 0o751);
    const { stdout, stderr } = await sh("stat -c '%a %u:%g' /bound /image /", {
      mounts: [
        { type: "bind", target: "/bound", source: from, readOnly: false },
        { type: "bind", target: "/image", source: { files: { base, layers: [] }, path: "/" }, readOnly: false },
      ],
    });
    const [bound, image, root] = stdout.split("\n");
    expect({ stderr, bound, image }).toEqual({ stderr: "", bound: "751 0:0", image: root });
  });

  test("that writes beside what was mounted leaves only that", async () => {
    const { changes } = await sh("echo x > /opt/a/x; touch /etc/hosts", {
      mounts: [{ type: "tmpfs", target: "/opt/a/mounted" }],
    });
    expect(changes).toEqual(["opt/ 755 0:0", "opt/a/ 755 0:0", "opt/a/x 644 0:0 x\n"]);
  });

  test("says what it says when it says it", async () => {
    const cache = join(folder.path, "turns");
    const mounts = [
      { type: "cache", target: "/cache", source: cache, readOnly: false, mode: 0o755, uid: 0, gid: 0 },
    ] as const;
    const { stdout } = await sh(
      "echo one; until [ -e /cache/go ]; do sleep 0.01; done; echo two",
      { mounts },
      { onOutput: () => writeFileSync(join(cache, "go"), "") },
    );
    expect(stdout).toBe("one\ntwo\n");
  });

  test("ends as its program", async () => {
    expect(await sh("echo said >&2; exit 7")).toMatchObject({ code: 7, stdout: "", stderr: "said\n" });
  });

  test("without a program is an error that says so", async () => {
    await expect(sh("", { argv: ["/no/such"] })).rejects.toMatchObject({
      code: "COMMAND_NOT_FOUND",
      message: expect.stringContaining(`Cannot run "/no/such" with ${runtime}: `),
    });
  });

  test("at a place below a file is refused", async () => {
    const mounts = [{ type: "tmpfs", target: "/bin/busybox/x" }] as const;
    await expect(sh("true", { mounts })).rejects.toMatchObject({ code: "SPEC" });
    await expect(sh("true", { cwd: "/bin/busybox/x" })).rejects.toMatchObject({ code: "SPEC" });
  });

  test("for another machine is refused before anything", async () => {
    await expect(sh("", { platform: { os: "linux", architecture: "s390x" } })).rejects.toMatchObject({
      code: "UNSUPPORTED",
    });
  });

  test("on files that would lead a runtime out of them is refused", async () => {
    const { source, image } = await probeImage({ files: [{ path: "dev", target: "/tmp" }] });
    const unsafe = await openImage(source, image.descriptor);
    await expect(sh("true", { base: unsafe })).rejects.toMatchObject({ code: "UNSAFE_IMAGE" });
  });

  test("that is aborted is ended with all that it began", async () => {
    const abort = new AbortController();
    let ids: readonly string[] = [];
    const onOutput = (): void => {
      ids = stepsIn(join(folder.path, "state"));
      abort.abort(new Error("enough"));
    };
    const marker = `sleep 86${process.pid}${runtime.length}`;
    const ended = sh(`setsid ${marker} & echo begun; wait`, {}, { signal: abort.signal, onOutput });
    await expect(ended).rejects.toThrow("enough");
    expect(processesOf(marker)).toEqual([]);
    expect(ids.length).toBe(1);
    expect(cgroupsOf(ids)).toEqual([]);
  });

  test("ends when its process is killed; what it left is taken away by the next one", async () => {
    const root = join(folder.path, "killed");
    const marker = `sleep 85${process.pid}${runtime.length}`;
    const script = fileURLToPath(new URL("probe-step.ts", import.meta.url));
    const child = spawn(process.execPath, ["--conditions", "@lading/source", script, root, runtime, marker], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(child.stdout, "data");
    await expect.poll(() => processesOf(marker).length).toBe(1);
    const ids = stepsIn(root);
    expect(cgroupsOf(ids).length > 0).toBe(!isMapped);
    child.kill("SIGKILL");
    await once(child, "exit");

    await expect.poll(() => processesOf(marker)).toEqual([]);
    const left = readdirSync(join(root, "build/steps"));
    expect(left.length).toBe(1);
    await using next = new RuncSteps({ root, runtime: (await run("which", [runtime])).trim() });
    await using _ = await next.run(probeStep(base, "true"));
    expect(readdirSync(join(root, "build/steps"))).not.toContain(left[0]);
    expect(cgroupsOf(ids)).toEqual([]);
  });
});

/** The names of steps that run, or whose changes are kept. */
function stepsIn(root: string): readonly string[] {
  const folder = join(root, "build/steps");
  return readdirSync(folder).flatMap((owner) =>
    readdirSync(join(folder, owner)).filter((name) => /^[0-9a-f]{12}$/.test(name)),
  );
}

/** Paths with what there is to say of each. */
async function look(folder: string, below = ""): Promise<string[]> {
  const found: string[] = [];
  for (const name of (await readdir(join(folder, below))).toSorted()) {
    const path = join(below, name);
    const stat = await lstat(join(folder, path));
    const meta = `${(stat.mode & 0o7777).toString(8)} ${stat.uid}:${stat.gid}`;
    if (stat.isDirectory()) found.push(`${path}/ ${meta}`, ...(await look(folder, path)));
    else if (stat.isFile()) found.push(`${path} ${meta} ${await readFile(join(folder, path), "utf8")}`);
    else if (stat.isFIFO()) found.push(`${path} fifo`);
    else if (stat.isSymbolicLink()) found.push(`${path} -> ${(await run("readlink", [join(folder, path)])).trim()}`);
    else found.push(stat.isCharacterDevice() && stat.rdev === 0 ? `${path} gone` : path);
  }
  return found;
}

function processesOf(command: string): readonly string[] {
  const commands = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "latin1").replaceAll("\0", " ").trim();
      } catch {
        return "";
      }
    });
  return commands.filter((text) => text === command);
}

/** Those of steps, in any hierarchy. */
function cgroupsOf(ids: readonly string[]): readonly string[] {
  const mount = "/sys/fs/cgroup";
  const hierarchies = existsSync(join(mount, "cgroup.controllers")) ? ["."] : readdirSync(mount);
  return ids.flatMap((id) =>
    hierarchies.map((name) => join(mount, name, `lading-${id}`)).filter((path) => existsSync(path)),
  );
}
