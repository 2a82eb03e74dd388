import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { chmod, copyFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { installed, isRoot, run } from "../interop/command.ts";
import { ladingCommand } from "../interop/lading.ts";
import { type Workspace, workspace } from "./workspace.ts";

const canRun = isRoot && installed("runc", "busybox", "setpriv", "unshare");

/** Begins a build whose program waits, and resolves when it does; `end` sends a signal and resolves when all is over. */
async function beginBuild(work: Workspace): Promise<{
  readonly ids: readonly string[];
  readonly end: (signal: NodeJS.Signals) => Promise<{ readonly code: number | null; readonly said: string }>;
}> {
  const state = join(work.path, "../state");
  const args = ["build", "--progress=plain", "-o", "oci:out"];
  const child = spawn(ladingCommand, args, {
    cwd: work.path,
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...process.env, LADING_CACHE_DIR: work.cache, LADING_ROOT: state },
  });
  let said = "";
  const begun = Promise.withResolvers<void>();
  child.stderr.on("data", (chunk: Uint8Array) => {
    said += String(chunk);
    if (/^begun$/m.test(said)) begun.resolve();
  });
  const ended = once(child, "close");
  await Promise.race([begun.promise, ended]);
  return {
    ids: stepsIn(state),
    end: async (signal) => {
      child.kill(signal);
      await ended;
      return { code: child.exitCode, said };
    },
  };
}

/** Steps that run, called as their containers. */
function stepsIn(state: string): readonly string[] {
  const steps = join(state, "build/steps");
  return readdirSync(steps).flatMap((owner) =>
    readdirSync(join(steps, owner)).filter((name) => /^[0-9a-f]{12}$/.test(name)),
  );
}

function processesOf(marker: string): readonly string[] {
  return readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "latin1").replaceAll("\0", " ").trim() === marker;
    } catch {
      return false;
    }
  });
}

function cgroupsOf(ids: readonly string[]): readonly string[] {
  const mount = "/sys/fs/cgroup";
  const hierarchies = existsSync(join(mount, "cgroup.controllers")) ? ["."] : readdirSync(mount);
  return ids.flatMap((id) =>
    hierarchies.map((name) => join(mount, name, `lading-${id}`)).filter((path) => existsSync(path)),
  );
}

test.runIf(canRun)("a build that is interrupted or killed in a RUN leaves nothing that stays", async () => {
  const marker = `sleep 84${process.pid}`;
  await using work = await workspace({
    Dockerfile: `FROM scratch\nCOPY root /bin/\nRUN echo begun; ${marker}; true\n`,
  });
  await mkdir(join(work.path, "root"));
  await copyFile((await run("sh", ["-c", "command -v busybox"])).trim(), join(work.path, "root/sh"));
  await chmod(join(work.path, "root/sh"), 0o755);
  const steps = join(work.path, "../state/build/steps");

  const interrupted = await beginBuild(work);
  expect(interrupted.ids.length).toBe(1);
  await expect.poll(() => processesOf(marker).length).toBe(1);
  const { code, said } = await interrupted.end("SIGINT");
  expect(code).toBe(130);
  // Neither a time that it took, nor a failure of its own.
  expect(said.split("\n").filter((line) => line.startsWith("RUN "))).toEqual([`RUN echo begun; ${marker}; true`]);
  expect(processesOf(marker)).toEqual([]);
  expect(cgroupsOf(interrupted.ids)).toEqual([]);
  expect(readdirSync(steps)).toEqual([]);

  const killed = await beginBuild(work);
  await killed.end("SIGKILL");
  await expect.poll(() => processesOf(marker)).toEqual([]);
  expect(readdirSync(steps).length).toBe(1);
  expect(await work.names()).toEqual(["Dockerfile", "root"]);

  await work.write({ Dockerfile: "FROM scratch\nCOPY root /bin/\nRUN true\n" });
  const env = { LADING_ROOT: join(work.path, "../state") };
  expect(await work.lading(["build", "-q", "-o", "oci:out"], env)).toMatchObject({ status: 0, stderr: "" });
  expect(readdirSync(steps)).toEqual([]);
  expect(cgroupsOf([...interrupted.ids, ...killed.ids])).toEqual([]);
  expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain(join(work.path, ".."));
});
