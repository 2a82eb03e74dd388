import { execFile } from "node:child_process";
import { constants, accessSync } from "node:fs";
import { join } from "node:path";

/** How a program of the system ended, and what it wrote. */
export interface ProgramResult {
  /** undefined: a signal ended it. */
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ProgramOptions {
  /** What it reads. */
  readonly input?: string | undefined;
  /** More environment. */
  readonly env?: Readonly<Record<string, string>> | undefined;
}

/** Where administration programs are: the PATH of users often lacks the last ones. */
export const systemPath: readonly string[] = [
  ...new Set([...(process.env["PATH"] ?? "").split(":").filter((folder) => folder !== ""), "/usr/sbin", "/sbin"]),
];

const mostOutput = 8 * 1024 * 1024; // bytes

/** Runs a program to its end, without a shell. Rejects only when it cannot be started. */
export function runProgram(
  command: string,
  args: readonly string[],
  { input = "", env = {} }: ProgramOptions = {},
): Promise<ProgramResult> {
  const { promise, resolve, reject } = Promise.withResolvers<ProgramResult>();
  const options = { env: { ...process.env, PATH: systemPath.join(":"), ...env }, maxBuffer: mostOutput };
  const child = execFile(command, [...args], options, (error, stdout, stderr) => {
    if (error === null) resolve({ code: 0, stdout, stderr });
    else if (typeof error.code === "string") reject(error);
    else resolve({ code: error.code ?? undefined, stdout, stderr });
  });
  // A program that does not read what it is given has ended by itself, and says why.
  child.stdin?.on("error", () => undefined);
  child.stdin?.end(input);
  return promise;
}

/** The first of these folders that has an executable of that name; undefined: none. */
export function findProgram(name: string, folders: readonly string[] = systemPath): string | undefined {
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
