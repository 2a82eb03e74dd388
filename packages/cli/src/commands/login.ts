import type { Credential, FoundCredential } from "@lading/registry-client";
import type { Flags } from "../flags.ts";
import { needsNetwork } from "../offline.ts";
import type { Command } from "../program.ts";
import { clientSettings, hostConfigOf, keychainSettings, registryOptions, warn } from "../registry-flags.ts";
import { ask, readSecret } from "../secret.ts";
import { UsageError } from "../usage.ts";

const { username, "password-stdin": passwordStdin, ...others } = registryOptions;

export const command: Command = {
  positionals: {
    registry: { type: "string", describe: "host, or a part of it as HOST/FOLDER; docker.io when not given" },
  },
  options: {
    ...(username === undefined ? {} : { username }),
    ...(passwordStdin === undefined
      ? {}
      : { "password-stdin": { ...passwordStdin, describe: "read the password from stdin" } }),
    // Docker and podman have it; here it says what to do instead.
    password: { alias: "p", type: "string", hidden: true },
    "get-login": { type: "boolean", describe: "print who is logged in, and do no more" },
    ...others,
  },
  examples: [
    ["login quay.io", "ask for user and password"],
    ["login ghcr.io -u NAME --password-stdin < token", "for scripts"],
  ],
  run: async ({ flags, signal }) => {
    if (flags.text("password") !== undefined)
      throw new UsageError(
        "Cannot take a password from the command line: other users of this machine can read it there",
        {
          hint: "Give --password-stdin, with the password on stdin, or neither, to be asked for it",
        },
      );
    const { checkCredential, defaultKeychain, parseLoginKey, storeCredential } =
      await import("@lading/registry-client");
    const asked = flags.text("registry") ?? "docker.io";
    const key = registryArgument(asked, parseLoginKey);
    const shown = key.repository === "" ? key.registry : `${key.registry}/${key.repository}`;
    const hosts = await hostConfigOf(flags);
    const places = keychainSettings(flags, hosts);
    const known = async (): Promise<FoundCredential | undefined> =>
      await defaultKeychain({ ...places, mayBeMissing: true }).find(key.registry, key.repository, {
        signal,
      });

    if (flags.on("get-login")) {
      const user = userOf((await known())?.credential);
      if (user === undefined) throw new Error(`Cannot say who is logged in to ${shown}: nobody is`);
      process.stdout.write(flags.on("json") ? `${JSON.stringify({ registry: shown, username: user })}\n` : `${user}\n`);
      return;
    }

    needsNetwork(`log in to ${shown}`);
    const { credential, again } = await credentialOf(flags, known, signal);
    await checkCredential(key, credential, { ...clientSettings(flags, hosts), signal });
    if (again !== undefined) return report(flags, shown, credential, again, "Existing credentials are valid");
    const stored = await storeCredential(shown, credential, { ...places, signal });
    if (stored.plain && !flags.on("quiet"))
      warn(`the password is stored unencrypted in ${stored.where}; set a credential helper to avoid that`);
    // A helper may have to ask for leave to tell what it was just told.
    if (stored.plain) await warnOfOther(credential, await known());
    report(flags, shown, credential, stored.where, "Login Succeeded!");
  },
};

interface Chosen {
  readonly credential: Credential;
  /** Where it is kept already. */
  readonly again?: string;
}

// As podman: with neither user nor password given, credentials that are there are tried.
async function credentialOf(
  flags: Flags,
  known: () => Promise<FoundCredential | undefined>,
  signal: AbortSignal,
): Promise<Chosen> {
  const given = flags.text("username");
  if (given === undefined && flags.on("password-stdin"))
    throw new UsageError("Cannot use --password-stdin without --username");
  if (given === undefined) {
    const found = await known();
    if (found !== undefined) return { credential: found.credential, again: found.from };
  }
  const username = given ?? (await ask("Username: ", { signal }));
  if (username === "") throw new UsageError("Cannot log in without a user name");
  if (username.includes(":")) throw new UsageError(`Cannot log in as "${username}": a user name has no colon`);
  return { credential: { type: "password", username, password: await readSecret(flags, "Password: ", signal) } };
}

async function warnOfOther(stored: Credential, found: FoundCredential | undefined): Promise<void> {
  if (found !== undefined && JSON.stringify(found.credential) !== JSON.stringify(stored))
    warn(`other credentials are found first: ${found.from}`);
}

function report(flags: Flags, registry: string, credential: Credential, where: string, done: string): void {
  const user = userOf(credential);
  if (flags.on("json"))
    process.stdout.write(`${JSON.stringify({ registry, ...(user === undefined ? {} : { username: user }), where })}\n`);
  else if (!flags.on("quiet")) process.stdout.write(`${done}\n`);
}

function userOf(credential: Credential | undefined): string | undefined {
  if (credential === undefined) return undefined;
  return credential.type === "password" ? credential.username : "<token>";
}

/** A registry as `parse` takes it. Throws UsageError. */
export function registryArgument<T>(text: string, parse: (text: string) => T): T {
  try {
    return parse(text);
  } catch (cause) {
    if (cause instanceof SyntaxError) throw new UsageError(cause.message);
    throw cause;
  }
}
