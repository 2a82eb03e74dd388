import type { KeychainOptions, LoadedHostConfig, RegistryClient, RegistryClientOptions } from "@lading/registry-client";
import type { Options } from "yargs";
import type { Flags } from "./flags.ts";
import { printable } from "./progress/terminal.ts";
import { readSecret } from "./secret.ts";
import { UsageError } from "./usage.ts";

/** Which file of credentials is read and written. */
export const authFileOption: Readonly<Record<string, Options>> = {
  authfile: {
    type: "string",
    requiresArg: true,
    describe: "the file of credentials, instead of podman's and Docker's",
  },
};

/** The flags of every command that talks to a registry. */
export const registryOptions: Readonly<Record<string, Options>> = {
  username: { alias: "u", type: "string", requiresArg: true, describe: "user at the registry" },
  "password-stdin": { type: "boolean", describe: "read the password of --username from stdin" },
  ...authFileOption,
  "tls-verify": { type: "boolean", describe: "check certificates of registries; =false takes any" },
  "cert-dir": { type: "string", requiresArg: true, describe: "folder with *.crt, *.cert and *.key for registries" },
  "plain-http": { type: "boolean", describe: "talk to registries without TLS" },
  "registries-conf": {
    type: "string",
    requiresArg: true,
    describe: "the registries.conf to use, instead of all others",
  },
};

const { username, ...others } = registryOptions;

/** The same where -u is the user of an image or a program, as for docker and podman. */
export const registryOptionsBesideUser: typeof registryOptions = {
  username: { ...username, alias: [] },
  ...others,
};

export interface ClientOptions {
  /** The registry that --username is for; without one the flag is refused. */
  readonly registry?: string;
  /** Takes each warning that a registry sends, once. Default: stderr. */
  readonly onWarning?: (registry: string, text: string) => void;
  /** Is told of tries that will be made again. */
  readonly onRetry?: NonNullable<RegistryClientOptions["onRetry"]>;
}

/**
 * A client as the flags say; the caller closes it. With --verbose, where credentials came from and
 * what was asked of registries goes to stderr. Throws UsageError.
 */
export async function openClient(flags: Flags, options: ClientOptions = {}): Promise<RegistryClient> {
  const given = await givenCredential(flags, options.registry);
  const hostConfig = await hostConfigOf(flags);
  const { RegistryClient, defaultKeychain } = await import("@lading/registry-client");
  return await RegistryClient.open({
    ...clientSettings(flags, hostConfig),
    ...(options.onWarning === undefined ? {} : { onWarning: options.onWarning }),
    ...(options.onRetry === undefined ? {} : { onRetry: options.onRetry }),
    keychain: defaultKeychain({ ...keychainSettings(flags, hostConfig), ...(given === undefined ? {} : { given }) }),
  });
}

/** What configuration and the flags say of hosts; with flags that a command does not have, configuration alone. */
export async function hostConfigOf(flags: Flags): Promise<LoadedHostConfig> {
  const { loadHostConfig } = await import("@lading/registry-client");
  const verifyTls = flags.switched("tls-verify");
  const certDir = flags.text("cert-dir");
  const registriesConf = flags.text("registries-conf");
  return await loadHostConfig({
    ...(flags.on("plain-http") ? { plainHttp: true } : {}),
    ...(verifyTls === undefined ? {} : { verifyTls }),
    ...(certDir === undefined ? {} : { certDir }),
    ...(registriesConf === undefined ? {} : { registriesConf }),
  });
}

/** What the flags say of talking to registries, whoever asks. */
export function clientSettings(
  flags: Flags,
  hostConfig: LoadedHostConfig,
): Pick<RegistryClientOptions, "hostConfig" | "onTrace" | "onWarning"> {
  const onTrace = traceOf(flags);
  return {
    hostConfig,
    onWarning: (registry, text) => warn(`${registry}: ${text}`),
    ...(onTrace === undefined ? {} : { onTrace }),
  };
}

/** Where the flags and registries.conf have credentials looked for and kept. */
export function keychainSettings(
  flags: Flags,
  { credentialHelpers }: LoadedHostConfig,
): Omit<KeychainOptions, "given"> & { readonly credentialHelpers: readonly string[] } {
  const authFile = flags.text("authfile");
  const onTrace = traceOf(flags);
  return {
    credentialHelpers,
    ...(authFile === undefined ? {} : { authFile }),
    onWarning: warn,
    ...(onTrace === undefined ? {} : { onTrace }),
  };
}

// --username, with --password-stdin or a password that is typed.
async function givenCredential(flags: Flags, registry: string | undefined): Promise<KeychainOptions["given"]> {
  const username = flags.text("username");
  if (username === undefined && !flags.on("password-stdin")) return undefined;
  if (username === undefined) throw new UsageError("Cannot use --password-stdin without --username");
  if (registry === undefined)
    throw new UsageError("Cannot use --username here: there is not one registry that it is for", {
      hint: "Use `lading login REGISTRY` for each of them",
    });
  const password = await readSecret(flags, "Password: ");
  return { registry, credential: { type: "password", username, password }, from: "--username" };
}

function traceOf(flags: Flags): ((line: string) => void) | undefined {
  return flags.on("verbose") ? (line) => void process.stderr.write(`${printable(line)}\n`) : undefined;
}

/** Tells the user of something that does not stop the work. */
export function warn(text: string): void {
  process.stderr.write(`warning: ${printable(text)}\n`);
}
