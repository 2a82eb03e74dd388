import { StringDecoder } from "node:string_decoder";
import { text } from "node:stream/consumers";
import type { Flags } from "./flags.ts";
import { UsageError } from "./usage.ts";

/**
 * A password from stdin (--password-stdin), or typed by a person who does not see it. There is no
 * flag for it: the list of processes shows those to everybody. Throws UsageError where nobody can type.
 */
export async function readSecret(flags: Flags, prompt: string): Promise<string> {
  if (!flags.on("password-stdin")) return await ask(prompt, { hidden: true });
  // `echo` ends it with a line end, and so do files that editors wrote.
  const secret = (await text(process.stdin)).replace(/\r?\n$/, "");
  if (secret === "") throw new UsageError("Cannot read a password from stdin: it is empty");
  return secret;
}

/** One line from the terminal. */
export async function ask(prompt: string, { hidden = false }: { readonly hidden?: boolean } = {}): Promise<string> {
  const { stdin, stderr } = process;
  if (!stdin.isTTY)
    throw new UsageError(`Cannot ask for "${prompt.replace(/: *$/, "")}": there is no terminal`, {
      hint: "Give --username NAME --password-stdin, with the password on stdin",
    });
  stderr.write(prompt);
  if (!hidden) return await line((done) => stdin.once("data", (chunk: Buffer) => done(chunk.toString())));
  stdin.setRawMode(true);
  try {
    return await typed();
  } finally {
    stdin.setRawMode(false);
    stderr.write("\n");
  }
}

async function line(read: (done: (text: string) => void) => void): Promise<string> {
  process.stdin.resume();
  const text = await new Promise<string>(read);
  process.stdin.pause();
  return text.replace(/\r?\n$/, "");
}

// In raw mode the terminal does nothing by itself: neither rub out nor interrupt.
async function typed(): Promise<string> {
  const { stdin } = process;
  const decoder = new StringDecoder("utf8");
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let secret: readonly string[] = [];
  const take = (chunk: Buffer): void => {
    for (const char of decoder.write(chunk)) {
      if (char === "\r" || char === "\n" || char === "\u0004") return resolve(secret.join(""));
      if (char === "\u0003") return reject(new DOMException("Interrupted", "AbortError"));
      if (char === "\u007F" || char === "\b") secret = secret.slice(0, -1);
      else if (char === "\u0015") secret = [];
      else secret = [...secret, char];
    }
  };
  stdin.on("data", take);
  stdin.resume();
  try {
    return await promise;
  } finally {
    stdin.off("data", take);
    stdin.pause();
  }
}
