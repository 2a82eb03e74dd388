import { spawn } from "node:child_process";
import type { Options } from "@lading/oci";
import { z } from "zod";
import type { Credential } from "../auth/credential.ts";
import { RegistryError } from "../errors.ts";

export interface HelperOptions extends Options {
  /** The environment it runs in, PATH included. Default: this process's. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Milliseconds; a helper may wait for a person to unlock a key. Default: two minutes. */
  readonly timeout?: number;
}

/** How helpers call a credential that is an identity token. */
const tokenUser = "<token>";

const answer = z.object({ Username: z.string().default(""), Secret: z.string().default("") });

/** Asks `docker-credential-NAME` for the credentials of a registry; undefined when it has none. Throws RegistryError CREDENTIALS. */
export async function getFromHelper(
  name: string,
  server: string,
  options: HelperOptions = {},
): Promise<Credential | undefined> {
  const out = await runHelper(name, "get", server, options);
  if (out === undefined) return undefined;
  const parsed = answer.safeParse(parse(out));
  if (!parsed.success) throw failure(name, "get", `its answer for ${server} is not what a helper answers`);
  const { Username: username, Secret: secret } = parsed.data;
  if (username === "" && secret === "") return undefined;
  return username === tokenUser
    ? { type: "identity", token: secret }
    : { type: "password", username, password: secret };
}

/** Gives `docker-credential-NAME` credentials to keep. Throws RegistryError CREDENTIALS; a bearer token no helper keeps. */
export async function storeInHelper(
  name: string,
  server: string,
  credential: Credential,
  options: HelperOptions = {},
): Promise<void> {
  if (credential.type === "bearer") throw failure(name, "store", "a helper keeps no bearer tokens");
  const [Username, Secret] =
    credential.type === "identity" ? [tokenUser, credential.token] : [credential.username, credential.password];
  await runHelper(name, "store", JSON.stringify({ ServerURL: server, Username, Secret }), options);
}

/** Has `docker-credential-NAME` forget a registry; whether it knew it, as far as it tells. Throws RegistryError CREDENTIALS. */
export async function eraseFromHelper(name: string, server: string, options: HelperOptions = {}): Promise<boolean> {
  return (await runHelper(name, "erase", server, options)) !== undefined;
}

/** The registries that `docker-credential-NAME` knows, with their users. Throws RegistryError CREDENTIALS. */
export async function listHelper(name: string, options: HelperOptions = {}): Promise<ReadonlyMap<string, string>> {
  const out = await runHelper(name, "list", "", options);
  const parsed = z.record(z.string(), z.string()).safeParse(parse(out ?? "{}"));
  if (!parsed.success) throw failure(name, "list", "its answer is not what a helper answers");
  return new Map(Object.entries(parsed.data));
}

function parse(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return value;
  } catch {
    return undefined;
  }
}

type Action = "get" | "store" | "erase" | "list";

const outputLimit = 1024 * 1024;
const messageLimit = 500;

interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

// What it wrote; undefined when it says that it has no such credentials.
async function runHelper(
  name: string,
  action: Action,
  input: string,
  options: HelperOptions,
): Promise<string | undefined> {
  // The name comes from a file: it must not lead out of PATH.
  if (!/^[A-Za-z0-9_-]+$/.test(name))
    throw new RegistryError(
      "CREDENTIALS",
      `Cannot use credential helper "${name.slice(0, 100)}": the name may have letters, digits, "-" and "_" only`,
    );
  const { code, signal, stdout, stderr } = await ended(name, action, input, options);
  if (code === 0) return stdout;
  // Helpers tell by this text alone, some on stdout and some on stderr: docker-credential-helpers, credentials/error.go
  if (action !== "store" && /credentials not found/i.test(`${stdout}\n${stderr}`)) return undefined;
  // An answer that is JSON may hold the secret.
  const said = [stderr.trim(), stdout.trim()].find((text) => text !== "" && !text.includes("{")) ?? "it says nothing";
  throw failure(
    name,
    action,
    `${signal === null ? `exit code ${code}` : `ended by ${signal}`}: ${said.slice(0, messageLimit)}`,
  );
}

async function ended(name: string, action: Action, input: string, options: HelperOptions): Promise<Ended> {
  const { signal, env = process.env, timeout = 120_000 } = options;
  signal?.throwIfAborted();
  return await new Promise((resolve, reject) => {
    const child = spawn(`docker-credential-${name}`, [action], { env: { ...env }, stdio: "pipe", windowsHide: true });
    const output = { stdout: "", stderr: "" };
    const give = (reason: unknown): void => {
      done();
      // Its own children may hold the pipes open for ever.
      child.kill("SIGKILL");
      child.stdout.destroy();
      child.stderr.destroy();
      reject(reason);
    };
    const onAbort = (): void => give(signal?.reason);
    const timer = setTimeout(() => give(failure(name, action, `no answer within ${timeout / 1000} s`)), timeout);
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
    };
    signal?.addEventListener("abort", onAbort, { once: true });
    for (const stream of ["stdout", "stderr"] as const)
      child[stream].setEncoding("utf8").on("data", (text: string) => {
        // Of what goes wrong the beginning is enough; an answer is taken whole or not at all.
        if (stream === "stderr") output.stderr = (output.stderr + text).slice(0, messageLimit * 2);
        else if (output.stdout.length + text.length > outputLimit)
          give(failure(name, action, `it answers with more than ${outputLimit} bytes`));
        else output.stdout += text;
      });
    child.stdin.on("error", () => undefined); // a helper need not read what it is given
    child.stdin.end(action === "list" ? "unused" : input);
    child.once("error", (cause) => {
      done();
      reject(missing(name, cause));
    });
    child.once("close", (code, ended) => {
      done();
      resolve({ code, signal: ended, ...output });
    });
  });
}

function missing(name: string, cause: Error): RegistryError {
  const absent = "code" in cause && cause.code === "ENOENT";
  return new RegistryError(
    "CREDENTIALS",
    `Cannot start credential helper "docker-credential-${name}"${absent ? ": it is not on PATH" : ""}`,
    {
      ...(absent ? {} : { cause }),
      hint: "Install it, or take it out of credsStore and credHelpers of the file that names it",
    },
  );
}

const verbs: Readonly<Record<Action, string>> = {
  get: "get credentials from",
  store: "store credentials with",
  erase: "erase credentials with",
  list: "list credentials of",
};

function failure(name: string, action: Action, reason: string): RegistryError {
  return new RegistryError("CREDENTIALS", `Cannot ${verbs[action]} docker-credential-${name}: ${reason}`, {
    hint: `Try it alone: docker-credential-${name} ${action}; or take it out of credsStore and credHelpers`,
  });
}
