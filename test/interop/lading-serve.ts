import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { expect } from "vitest";
import { ladingCommand } from "./lading.ts";

export interface Serving extends AsyncDisposable {
  readonly host: string;
  /** What it wrote to stderr so far. */
  readonly log: () => string;
}

/** Runs `lading serve` until the scope ends, which has to be its good end. */
export async function serving(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Serving> {
  const child = spawn(ladingCommand, ["serve", "--listen", "127.0.0.1:0", "--json", ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...env },
  });
  let log = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (log += text));
  const exited = once(child, "exit");
  const [line]: unknown[] = await Promise.race([once(createInterface(child.stdout), "line"), exited]);
  if (typeof line !== "string") throw new Error(`Cannot run lading serve: ${log}`);
  return {
    host: new URL(String(/"url":"([^"]*)"/.exec(line)?.[1])).host,
    log: () => log,
    async [Symbol.asyncDispose]() {
      child.kill("SIGINT");
      expect(await exited).toEqual([0, null]);
    },
  };
}
