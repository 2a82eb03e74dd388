import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { temporaryFolder } from "@lading/testkit";
import { describe, expect, onTestFinished, test } from "vitest";
import { untilBegun } from "./until-begun.ts";

/** A process that a shell forked, as runtimes do, and that becomes `program` when `go` is called. */
async function forked(program: string): Promise<{ readonly pid: number; readonly go: () => void }> {
  const folder = await temporaryFolder();
  const at = (name: string): string => join(folder.path, name);
  const script = `(while ! [ -e go ]; do sleep 0.01; done; ${program}) & echo $! > pid.new; mv pid.new pid; wait`;
  const shell: ChildProcess = spawn("sh", ["-c", script], { cwd: folder.path, detached: true, stdio: "ignore" });
  onTestFinished(async () => {
    if (shell.pid !== undefined && shell.exitCode === null) process.kill(-shell.pid, "SIGKILL");
    await folder[Symbol.asyncDispose]();
  });
  while (!existsSync(at("pid"))) await delay(5);
  return { pid: Number(readFileSync(at("pid"), "utf8")), go: () => writeFileSync(at("go"), "") };
}

describe.runIf(process.platform === "linux")("a process that was forked", () => {
  test("has begun when it is the program, however long that takes, and not before", async () => {
    const { pid, go } = await forked("exec sleep 60");
    let begun = false;
    const waiting = untilBegun(pid).then(() => (begun = true));
    await delay(300);
    expect(begun).toBe(false);

    go();
    await waiting;

    expect(readFileSync(`/proc/${pid}/cmdline`, "utf8")).toBe("sleep\u000060\u0000");
    await untilBegun(pid);
  });

  test("that ends before it becomes anything is not waited for", async () => {
    const { pid, go } = await forked("exit 3");
    const waiting = untilBegun(pid);
    go();
    await waiting;
    expect(existsSync(`/proc/${pid}/exe`)).toBe(false);
  });
});
