import { type ChildProcess, type ChildProcessByStdio, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { temporaryFolder } from "@lading/testkit";
import { expect, test } from "vitest";
import { pauseProgram } from "./pause-program.ts";

const architecture = process.arch === "x64" ? "amd64" : process.arch;
const runs = process.platform === "linux" && ["amd64", "arm64"].includes(architecture);
const isolated = ["--user", "--map-root-user", "--pid", "--fork", "--kill-child"];
const unshares = runs && spawnSync("unshare", [...isolated, "true"]).status === 0;
const emulator = "/usr/bin/qemu-aarch64-static";

test("architectures that no sandbox is made for are told", () => {
  expect(() => pauseProgram("riscv64")).toThrow("Cannot make a sandbox for riscv64: expected amd64 or arm64");
});

test.each(["amd64", "arm64"])("the program for %s is the same always, and small", (name) => {
  expect(pauseProgram(name)).toEqual(pauseProgram(name));
  expect(pauseProgram(name).byteLength).toBeLessThan(512);
});

test.runIf(runs).each(["SIGTERM", "SIGINT"] as const)(
  "%s ends it with 0, and other signals do not wake it",
  async (signal) => {
    await using file = await written(architecture);
    using program = running(file.path);
    const { child } = program;
    await begun(child.pid);
    for (const other of ["SIGCHLD", "SIGSTOP", "SIGCONT", "SIGWINCH"] as const) child.kill(other);
    await expect.poll(() => stateOf(child.pid)).toBe("S");
    expect(await ended(child, () => child.kill(signal))).toEqual([0, null]);
  },
);

test.runIf(unshares)("as process 1 it ends by SIGTERM, and leaves no zombies of orphans", async () => {
  await using file = await written(architecture);
  using program = running("unshare", ...isolated, file.path);
  const { child } = program;
  const pid = await expect
    .poll(() => childrenOf(child.pid)[0])
    .toBeDefined()
    .then(() => childrenOf(child.pid)[0] ?? 0);
  await begun(pid);
  // Each of these is left by its parent at once, and so becomes the program's, before it ends itself.
  const script = "for i in 1 2 3; do (sleep 0.2 &); done; (sleep 100 &)";
  const inside = ["--user", "--pid", "--preserve-credentials", "--target", String(pid)];
  expect(spawnSync("nsenter", [...inside, "sh", "-c", script], { stdio: "ignore" }).status).toBe(0);
  await expect.poll(() => childrenOf(pid)).toHaveLength(1);
  expect(await ended(child, () => process.kill(pid, "SIGTERM"))).toEqual([0, null]);
});

test.runIf(existsSync(emulator))("the program for arm64 ends by SIGTERM with 0 as well", async () => {
  await using file = await written("arm64");
  using program = running(emulator, "-strace", file.path);
  const { child } = program;
  let calls = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (calls += text));
  await expect.poll(() => calls).toContain("rt_sigtimedwait");
  expect(await ended(child, () => child.kill("SIGTERM"))).toEqual([0, null]);
  expect(calls).toMatch(/rt_sigprocmask\(SIG_BLOCK.*rt_sigaction\(SIGCHLD.*rt_sigtimedwait\(.*exit_group\(0\)/s);
});

/** Ended, whatever becomes of the test. */
function running(
  command: string,
  ...args: readonly string[]
): { readonly child: ChildProcessByStdio<null, null, Readable> } & Disposable {
  const child = spawn(command, args, { stdio: ["ignore", "ignore", "pipe"] });
  return { child, [Symbol.dispose]: () => void child.kill("SIGKILL") };
}

async function written(name: string): Promise<{ readonly path: string } & AsyncDisposable> {
  const folder = await temporaryFolder();
  const path = join(folder.path, "pause");
  await writeFile(path, pauseProgram(name), { mode: 0o755 });
  return { path, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}

/** Resolves when the program waits. What it blocks is not to be seen then: sigtimedwait(2) takes it. */
async function begun(pid: number | undefined): Promise<void> {
  const ignored = (): bigint =>
    BigInt(`0x${/^SigIgn:\s*(\S+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? "0"}`);
  // SIGCHLD is the 17th.
  await expect.poll(() => (ignored() >> 16n) & 1n).toBe(1n);
  await expect.poll(() => stateOf(pid)).toBe("S");
}

function stateOf(pid: number | undefined): string | undefined {
  return /^State:\s*(\S)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
}

function childrenOf(pid: number | undefined): readonly number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
  return text === "" ? [] : text.split(" ").map(Number);
}

async function ended(child: ChildProcess, action: () => void): Promise<unknown> {
  const exit = once(child, "exit");
  action();
  return exit;
}
