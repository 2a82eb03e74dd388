import { text } from "node:stream/consumers";
import { StringDecoder } from "node:string_decoder";
import type { Flags } from "./flags.ts";
import { UsageError } from "./usage.ts";

/**
 * A password from stdin (--password-stdin), or typed by a person who does not see it. There is no
 * flag for it: the list of processes shows those to everybody. Throws UsageError where nobody can type.
 */
export async function readSecret(flags: Flags, prompt: string, signal?: AbortSignal): Promise<string> {
  if (!flags.on("password-stdin")) return await ask(prompt, { hidden: true, signal });
  // `echo` ends it with a line end, and so do files that editors wrote.
  const secret = (await text(process.stdin)).replace(/\r?\n$/, "");
  if (secret === "") throw new UsageError("Cannot read a password from stdin: it is empty");
  return secret;
}

interface Asking {
  /** Nothing of what is typed is shown. */
  readonly hidden?: boolean;
  /** What to do where nobody can type. */
  readonly hint?: string;
  readonly signal?: AbortSignal | undefined;
}

const byStdin = "Give --username NAME --password-stdin, with the password on stdin";

/** One line from the terminal. Throws UsageError where there is none. */
export async function ask(prompt: string, { hidden = false, hint = byStdin, signal }: Asking = {}): Promise<string> {
  const { stdin, stderr } = process;
  if (!stdin.isTTY)
    throw new UsageError(`Cannot ask for "${prompt.replace(/: *$/, "")}": there is no terminal`, { hint });
  // Before the prompt: who answers quickly would see the first letters of the password.
  if (hidden) stdin.setRawMode(true);
  stderr.write(prompt);
  if (!hidden) return (await typed(signal)).trim();
  try {
    return await typed(signal);
  } finally {
    stdin.setRawMode(false);
    stderr.write("\n");
  }
}

const keys = { interrupt: "\u0003", end: "\u0004", rubOut: ["\u007F", "\b"], rubAllOut: "\u0015" } as const;

// In raw mode the terminal does nothing by itself: neither rub out nor interrupt. Otherwise lines come whole.
async function typed(signal: AbortSignal | undefined): Promise<string> {
  signal?.throwIfAborted();
  const { stdin } = process;
  const decoder = new StringDecoder("utf8");
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let line: readonly string[] = [];
  const take = (chunk: Buffer): void => {
    for (const char of decoder.write(chunk)) {
      if (char === "\r" || char === "\n" || char === keys.end) return resolve(line.join(""));
      if (char === keys.interrupt) return reject(new DOMException("Interrupted", "AbortError"));
      if (char === keys.rubOut[0] || char === keys.rubOut[1]) line = line.slice(0, -1);
      else line = char === keys.rubAllOut ? [] : [...line, char];
    }
  };
  const end = (): void => resolve(line.join(""));
  const abort = (): void => reject(signal?.reason);
  stdin.on("data", take).on("end", end);
  signal?.addEventListener("abort", abort, { once: true });
  stdin.resume();
  try {
    return await promise;
  } finally {
    stdin.off("data", take).off("end", end);
    signal?.removeEventListener("abort", abort);
    stdin.pause();
  }
}
