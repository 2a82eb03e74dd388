import type { Options } from "@lading/oci";
import type { Credential, FoundCredential, Keychain } from "../auth/credential.ts";
import { RegistryError } from "../errors.ts";
import { type AuthFile, findEntry, helperOf, parseAuthFile, readAuthFile } from "./auth-file.ts";
import { canonicalRegistry, dockerHubKey } from "./auth-key.ts";
import { type AuthPath, type AuthPlaces, authPaths } from "./auth-paths.ts";
import { getFromHelper } from "./credential-helper.ts";

export interface KeychainOptions extends AuthPlaces {
  /** Credentials that were given for a registry; nothing is looked up for it then. */
  readonly given?: { readonly registry: string; readonly credential: Credential; readonly from?: string };
  /** `credential-helpers` of registries.conf, first to last; "containers-auth.json" stands for the files. Default: that alone. */
  readonly credentialHelpers?: readonly string[];
  /** Whether the file of `authFile` or REGISTRY_AUTH_FILE may be missing, because it is about to be made. Default: false. */
  readonly mayBeMissing?: boolean;
  /** Told where credentials were looked for and found, without secrets. */
  readonly onTrace?: (line: string) => void;
  /** Told what is passed over although the user set it. */
  readonly onWarning?: (text: string) => void;
}

/** The name that stands for files of credentials among the helpers of registries.conf (containers-registries.conf(5)). */
export const authFileHelper = "containers-auth.json";

/**
 * Finds credentials where podman and docker keep them. First match wins: what was given;
 * the file of `--authfile` or REGISTRY_AUTH_FILE, and nothing else where one is named;
 * DOCKER_AUTH_CONFIG; podman's auth.json; Docker's config.json. In a file, a registry's own
 * helper goes first, then `credsStore`, then the longest key of `auths`. Nothing is read before
 * it is needed, and each file once.
 */
export function defaultKeychain(options: KeychainOptions = {}): Keychain {
  const { given, credentialHelpers = [authFileHelper], onTrace, env = process.env, mayBeMissing = false } = options;
  const answers = new HelperAnswers(env);
  const paths = authPaths(options);
  const files = new Map<string, Promise<AuthFile | undefined>>();
  const read = async (path: AuthPath): Promise<AuthFile | undefined> => {
    const reading = files.get(path.path) ?? readNamed(path, mayBeMissing);
    files.set(path.path, reading);
    return await reading;
  };
  const inEnvironment = lazily(() =>
    paths.some((path) => path.named !== undefined) ? undefined : authConfigOf(options),
  );

  const inFiles = async (registry: string, repository: string, find: Options): Promise<FoundCredential | undefined> => {
    const variable = inEnvironment();
    const entry = variable === undefined ? undefined : findEntry(variable, registry, repository);
    if (entry !== undefined)
      return { credential: entry.credential, from: `auths "${entry.key}" of DOCKER_AUTH_CONFIG` };
    for (const path of paths) {
      const file = await read(path);
      if (file === undefined) {
        onTrace?.(`No credentials file ${path.path}`);
        continue;
      }
      const found = await inFile(file, path.kind, registry, repository, answers, find);
      if (found !== undefined) return found;
      onTrace?.(`No credentials for ${registry} in ${path.path}`);
    }
    return undefined;
  };

  const search = async (registry: string, repository: string, find: Options): Promise<FoundCredential | undefined> => {
    if (given !== undefined && canonicalRegistry(given.registry) === canonicalRegistry(registry))
      return { credential: given.credential, from: given.from ?? "the command line" };
    for (const helper of credentialHelpers) {
      if (helper === authFileHelper) {
        const found = await inFiles(registry, repository, find);
        if (found !== undefined) return found;
        continue;
      }
      const credential = await answers.get(helper, registry, find);
      if (credential !== undefined)
        return { credential, from: `docker-credential-${helper}, of credential-helpers in registries.conf` };
      onTrace?.(`No credentials for ${registry} in docker-credential-${helper}`);
    }
    return undefined;
  };

  return {
    find: async (registry, repository, find = {}) => {
      const found = await search(registry, repository, find);
      const name = repository === "" ? registry : `${registry}/${repository}`;
      onTrace?.(found === undefined ? `No credentials for ${name}` : `Credentials for ${name}: ${found.from}`);
      return found;
    },
  };
}

async function readNamed({ path, kind, named }: AuthPath, mayBeMissing: boolean): Promise<AuthFile | undefined> {
  const file = await readAuthFile(path, { legacy: kind === "legacy" });
  if (file === undefined && named !== undefined && !mayBeMissing)
    throw new RegistryError("CREDENTIALS", `Cannot read credentials from "${path}" of ${named}: there is no such file`);
  return file;
}

async function inFile(
  file: AuthFile,
  kind: AuthPath["kind"],
  registry: string,
  repository: string,
  answers: HelperAnswers,
  find: Options,
): Promise<FoundCredential | undefined> {
  const own = helperOf(file, registry);
  const stores = own === undefined ? kind === "docker" && file.credsStore !== undefined : own.helper !== "";
  const helper = own?.helper ?? file.credsStore;
  if (stores && helper !== undefined) {
    // Docker asks for the key as it is in the file; Docker Hub has one of its own.
    const hub = canonicalRegistry(registry) === "docker.io" ? [dockerHubKey] : [];
    const servers = own === undefined ? [...hub, registry] : [own.key, ...hub, registry];
    for (const server of new Set(servers)) {
      const credential = await answers.get(helper, server, find);
      const field = own === undefined ? "credsStore" : `credHelpers "${own.key}"`;
      if (credential !== undefined)
        return { credential, from: `${field} (docker-credential-${helper}) of ${file.name}` };
    }
    // A helper set for this very registry is all there is; a store may not have what another program wrote to the file.
    if (own !== undefined) return undefined;
  }
  const entry = findEntry(file, registry, repository);
  return entry === undefined
    ? undefined
    : { credential: entry.credential, from: `auths "${entry.key}" of ${file.name}` };
}

// Docker takes `auths` with `auth` alone from the variable, and goes on to its file where it cannot.
function authConfigOf({ env = process.env, onWarning }: KeychainOptions): AuthFile | undefined {
  const text = env["DOCKER_AUTH_CONFIG"];
  if (text === undefined || text === "") return undefined;
  try {
    return parseAuthFile(text, "DOCKER_AUTH_CONFIG");
  } catch (error) {
    onWarning?.(`${error instanceof Error ? error.message : String(error)}; it is passed over`);
    return undefined;
  }
}

function lazily<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}

// Helpers take up to seconds, and every repository of a registry asks; their answers may expire, so not for long.
const answerLife = 60_000;

class HelperAnswers {
  readonly #env: Readonly<Record<string, string | undefined>>;
  readonly #answers = new Map<string, { readonly at: number; readonly answer: Promise<Credential | undefined> }>();

  constructor(env: Readonly<Record<string, string | undefined>>) {
    this.#env = env;
  }

  async get(helper: string, server: string, { signal }: Options): Promise<Credential | undefined> {
    const key = `${helper} ${server}`;
    const known = this.#answers.get(key);
    if (known !== undefined && Date.now() - known.at < answerLife) return await unlessAborted(known.answer, signal);
    // Without the signal: others may wait for the same answer.
    const answer = getFromHelper(helper, server, { env: this.#env });
    this.#answers.set(key, { at: Date.now(), answer });
    answer.catch(() => this.#answers.delete(key));
    return await unlessAborted(answer, signal);
  }
}

async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return await promise;
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
