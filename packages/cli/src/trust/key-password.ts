import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import type { Options } from "yargs";
import type { Flags } from "../flags.ts";
import { ask } from "../secret.ts";
import { UsageError } from "../usage.ts";

/** Where the password of a private key may come from besides the environment and the terminal. */
export const keyPasswordOption: Readonly<Record<string, Options>> = {
  "key-password-file": {
    type: "string",
    requiresArg: true,
    describe: "file with the key's password, - for stdin; default: LADING_KEY_PASSWORD, COSIGN_PASSWORD, a prompt",
  },
};

/**
 * The password of the private key `what`: of the file that a flag names, of the environment, or typed. An empty
 * variable is an empty password, as cosign has it. Throws UsageError where there is none and nobody can type.
 */
export async function keyPassword(flags: Flags, what: string, signal: AbortSignal): Promise<string> {
  return (await givenPassword(flags)) ?? (await askFor(`Password for ${what}: `, signal));
}

/** As `keyPassword`, for a key that does not exist yet: what is typed is typed twice. */
export async function newKeyPassword(flags: Flags, what: string, signal: AbortSignal): Promise<string> {
  const given = await givenPassword(flags);
  if (given !== undefined) return given;
  const typed = await askFor(`Password for ${what}: `, signal);
  if ((await askFor("The same again: ", signal)) !== typed)
    throw new UsageError("Cannot make a key: the two passwords differ");
  return typed;
}

async function givenPassword(flags: Flags): Promise<string | undefined> {
  const file = flags.text("key-password-file");
  if (file === undefined) return process.env["LADING_KEY_PASSWORD"] ?? process.env["COSIGN_PASSWORD"];
  try {
    const content = file === "-" ? await text(process.stdin) : await readFile(file, "utf8");
    // `echo` ends it with a line end, and so do files that editors wrote.
    return content.replace(/\r?\n$/, "");
  } catch (cause) {
    throw new UsageError(`Cannot read the key's password from "${file}"`, { cause });
  }
}

async function askFor(prompt: string, signal: AbortSignal): Promise<string> {
  return await ask(prompt, {
    hidden: true,
    signal,
    hint: "Give it in LADING_KEY_PASSWORD or COSIGN_PASSWORD, or in a file: --key-password-file FILE",
  });
}
