import { spawn } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "@lading/testkit";
import { expect, test } from "vitest";
import { processStat } from "../state/process-stat.ts";
import { startMonitor } from "./monitor.ts";

test.runIf(process.platform === "linux").each([1, 2, 3, 4])(
  "a monitor is heard though its end is seen first (%i)",
  async () => {
    await using folder = await temporaryFolder();
    const id = "0".repeat(32);
    mkdirSync(join(folder.path, "containers", id), { recursive: true });
    const before = new Set(children());

    const answer = startMonitor({ root: folder.path, id, driver: { engine: "runc", runtime: "/usr/bin/runc" } });

    const monitor = children().find((pid) => !before.has(pid)) ?? 0;
    // The end of any child makes libuv look after all of them, once it has handled what it had found to read.
    const other = spawn("echo", ["x"], { stdio: ["ignore", "pipe", "ignore"] });
    other.stdout.once("data", () => {
      while (processStat(monitor) !== undefined) block(5);
    });
    block(20);
    await expect(answer).rejects.toMatchObject({ code: "NOT_FOUND" });
  },
);

function children(): readonly number[] {
  const pids = readFileSync("/proc/thread-self/children", "utf8").trim();
  return pids === "" ? [] : pids.split(" ").map(Number);
}

/** Nothing is handled meanwhile. */
function block(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}
