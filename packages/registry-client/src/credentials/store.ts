import type { Options } from "@lading/oci";
import type { Credential } from "../auth/credential.ts";
import { RegistryError } from "../errors.ts";
import { type AuthFile, entryKeys, helperOf, parseAuthFile, readAuthFile, readAuthText } from "./auth-file.ts";
import { canonicalRegistry, dockerHubKey, type LoginKey, parseLoginKey, registryOfKey } from "./auth-key.ts";
import { type AuthPath, type AuthPlaces, authPaths } from "./auth-paths.ts";
import { eraseFromHelper, listHelper, storeInHelper } from "./credential-helper.ts";
import { editJson } from "./json-edit.ts";
import { authFileHelper } from "./keychain.ts";
import { writePrivately } from "./private-file.ts";

export interface StoreOptions extends AuthPlaces, Options {
  /** `credential-helpers` of registries.conf, see `KeychainOptions`. */
  readonly credentialHelpers?: readonly string[];
}

export interface StoredCredential {
  /** The file, or the helper, for people. */
  readonly where: string;
  /** Whether anybody who reads the file has the password. */
  readonly plain: boolean;
}

/**
 * Keeps credentials for a registry (`quay.io`), or for a part of it (`quay.io/acme`), as podman and
 * docker would: with a helper where one is set for it, else in the first file that says where its
 * credentials are; else in the first file there is; else in Docker's config.json. Throws SyntaxError
 * for what is no registry, RegistryError CREDENTIALS.
 */
export async function storeCredential(
  registry: string,
  credential: Credential,
  options: StoreOptions = {},
): Promise<StoredCredential> {
  const key = parseLoginKey(registry);
  if (credential.type === "password" && credential.username.includes(":"))
    throw new RegistryError("CREDENTIALS", "Cannot store a user name with a colon", {
      hint: "Give the name alone, and the password by --password-stdin",
    });
  const [helper = authFileHelper] = options.credentialHelpers ?? [];
  if (helper !== authFileHelper) {
    await storeInHelper(helper, wholeRegistry(key, helper), credential, options);
    return { where: `docker-credential-${helper}`, plain: false };
  }
  return await storeInFile(await fileFor(key, authPaths(options)), key, credential, options);
}

/** Where `storeCredential` puts them. */
async function fileFor(key: LoginKey, paths: readonly AuthPath[]): Promise<AuthPath> {
  const [first] = paths;
  if (first?.named !== undefined) return first;
  const there: AuthPath[] = [];
  for (const path of paths) {
    if (path.kind === "legacy") continue;
    const file = await readAuthFile(path.path);
    if (file === undefined) continue;
    if (keysFor(file, key).length > 0 || helperFor(file, path, key) !== undefined) return path;
    there.push(path);
  }
  const chosen = there[0] ?? paths.find(({ kind }) => kind === "docker");
  if (chosen === undefined) throw new TypeError("There is no place for credentials");
  return chosen;
}

async function storeInFile(
  path: AuthPath,
  key: LoginKey,
  credential: Credential,
  options: StoreOptions,
): Promise<StoredCredential> {
  let text = await textOf(path.path);
  const file = parseAuthFile(text, path.path);
  const own = helperFor(file, path, key);
  const name = keyIn(path, key);
  if (own !== undefined) await storeInHelper(own.helper, serverFor(own, path, key), credential, options);
  // One entry is left: another spelling could be found first, with credentials of old.
  for (const other of keysFor(file, key)) if (other !== name) text = editJson(text, ["auths", other], undefined);
  // Docker notes in the file whose credentials the helper has.
  if (own === undefined) text = editJson(text, ["auths", name], entryOf(credential));
  else text = editJson(text, ["auths", name], path.kind === "docker" ? {} : undefined);
  await writePrivately(path.path, text);
  return own === undefined
    ? { where: path.path, plain: true }
    : { where: `docker-credential-${own.helper} (set in ${path.path})`, plain: false };
}

// containers/image takes an entry for nothing when its "auth" has no colon, whatever else it has.
function entryOf(credential: Credential): Readonly<Record<string, string>> {
  if (credential.type === "bearer") return { registrytoken: credential.token };
  if (credential.type === "identity") return { auth: toBase64("<token>:"), identitytoken: credential.token };
  return { auth: toBase64(`${credential.username}:${credential.password}`) };
}

function toBase64(text: string): string {
  return Buffer.from(text).toString("base64");
}

/**
 * Forgets the credentials of a registry, or of a part of it, everywhere they would be looked for.
 * Returns where they were; empty when nowhere. Throws as `storeCredential` does.
 */
export async function removeCredential(registry: string, options: StoreOptions = {}): Promise<readonly string[]> {
  const key = parseLoginKey(registry);
  const removed: string[] = [];
  for (const helper of options.credentialHelpers ?? [authFileHelper]) {
    if (helper !== authFileHelper) {
      if (key.repository === "" && (await listHelper(helper, options)).has(key.registry)) {
        await eraseFromHelper(helper, key.registry, options);
        removed.push(`docker-credential-${helper}`);
      }
      continue;
    }
    for (const path of authPaths(options)) removed.push(...(await removeFromFile(path, key, options)));
  }
  return removed;
}

/** Forgets the credentials of all registries; settings of helpers stay. Returns where they were. */
export async function removeAllCredentials(options: StoreOptions = {}): Promise<readonly string[]> {
  const removed: string[] = [];
  for (const helper of options.credentialHelpers ?? [authFileHelper]) {
    if (helper !== authFileHelper) {
      const servers = await listHelper(helper, options);
      for (const server of servers.keys()) await eraseFromHelper(helper, server, options);
      if (servers.size > 0) removed.push(`docker-credential-${helper}`);
      continue;
    }
    for (const path of authPaths(options)) {
      const file = await readAuthFile(path.path, { legacy: path.kind === "legacy" });
      // Keys whose own helper or store has them, and those which only the helper setting names.
      const keys = [...(file?.auths.keys() ?? []), ...(file?.credHelpers.keys() ?? [])];
      for (const name of new Set(keys)) {
        const whole = registryOfKey(name, path.kind === "legacy");
        const found =
          whole === undefined
            ? await removeKey(path, name)
            : await removeFromFile(path, { registry: whole, repository: "" }, options);
        removed.push(...found);
      }
    }
  }
  return [...new Set(removed)];
}

async function removeFromFile(path: AuthPath, key: LoginKey, options: StoreOptions): Promise<readonly string[]> {
  const legacy = path.kind === "legacy";
  const text = await readAuthText(path.path);
  if (text === undefined) return [];
  const file = parseAuthFile(text, path.path, { legacy });
  const removed: string[] = [];
  const own = helperFor(file, path, key);
  if (own !== undefined && key.repository === "") {
    const server = serverFor(own, path, key);
    // A helper may take for done what there was nothing of; only its list tells.
    if ((await listHelper(own.helper, options)).has(server)) {
      await eraseFromHelper(own.helper, server, options);
      removed.push(`docker-credential-${own.helper} (set in ${path.path})`);
    }
  }
  let edited = text;
  let held = false;
  for (const name of keysFor(file, key)) {
    held ||= JSON.stringify(file.auths.get(name)) !== "{}";
    edited = editJson(edited, legacy ? [name] : ["auths", name], undefined);
  }
  if (edited !== text) await writePrivately(path.path, edited);
  if (held) removed.push(path.path);
  return removed;
}

async function removeKey(path: AuthPath, name: string): Promise<readonly string[]> {
  const text = await textOf(path.path);
  const edited = editJson(text, path.kind === "legacy" ? [name] : ["auths", name], undefined);
  if (edited === text) return [];
  await writePrivately(path.path, edited);
  return [path.path];
}

interface OwnHelper {
  readonly helper: string;
  /** The key in `credHelpers`; undefined: it is the `credsStore`. */
  readonly key?: string;
}

function helperFor(file: AuthFile, path: AuthPath, key: LoginKey): OwnHelper | undefined {
  const own = helperOf(file, key.registry);
  if (own !== undefined) return own.helper === "" ? undefined : own;
  return path.kind === "docker" && file.credsStore !== undefined ? { helper: file.credsStore } : undefined;
}

// Helpers know registries alone (containers-auth.json(5)).
function wholeRegistry({ registry, repository }: LoginKey, helper: string): string {
  if (repository !== "")
    throw new RegistryError(
      "CREDENTIALS",
      `Cannot store credentials for "${registry}/${repository}": docker-credential-${helper} keeps those of whole registries only`,
      { hint: `Log in to ${registry}, or use --authfile FILE` },
    );
  return registry;
}

function serverFor(own: OwnHelper, path: AuthPath, key: LoginKey): string {
  const registry = wholeRegistry(key, own.helper);
  return own.key ?? (registry === "docker.io" && path.kind === "docker" ? dockerHubKey : registry);
}

function keyIn(path: AuthPath, { registry, repository }: LoginKey): string {
  if (repository !== "") return `${registry}/${repository}`;
  return registry === "docker.io" && path.kind === "docker" ? dockerHubKey : registry;
}

/** The entries that are for just this registry or part of it. */
function keysFor(file: AuthFile, { registry, repository }: LoginKey): readonly string[] {
  return entryKeys(file, registry, repository).filter((name) =>
    repository === ""
      ? canonicalRegistry(name) === registry || registryOfKey(name, file.legacy) === registry
      : name === `${registry}/${repository}`,
  );
}

async function textOf(path: string): Promise<string> {
  const text = await readAuthText(path);
  return text === undefined || text.trim() === "" ? "{\n}\n" : text;
}
