import { readFile, stat } from "node:fs/promises";
import { z } from "zod";
import type { Credential } from "../auth/credential.ts";
import { RegistryError } from "../errors.ts";
import { canonicalRegistry, dockerHubKey, keysOf, registryOfKey } from "./auth-key.ts";

/** A file of credentials: Docker's config.json, podman's auth.json (containers-auth.json(5)), or ~/.dockercfg. */
export interface AuthFile {
  /** How it is called in messages: its path, or the environment variable it came in. */
  readonly name: string;
  readonly auths: ReadonlyMap<string, unknown>;
  /** Credential helpers by registry; "" sends a registry to `auths` although there is a `credsStore`. */
  readonly credHelpers: ReadonlyMap<string, string>;
  /** The credential helper of all registries that have none of their own. */
  readonly credsStore: string | undefined;
  readonly legacy: boolean;
}

export interface AuthEntry {
  /** As it is in the file. */
  readonly key: string;
  readonly credential: Credential;
}

// Far more than any real one; a file without end must not fill the memory.
const fileLimit = 4 * 1024 * 1024;

/** Reads a file of credentials; undefined when there is none. Throws RegistryError CREDENTIALS. */
export async function readAuthFile(path: string, options: { legacy?: boolean } = {}): Promise<AuthFile | undefined> {
  const text = await readAuthText(path);
  return text === undefined ? undefined : parseAuthFile(text, path, options);
}

/** The text of a file of credentials; undefined when there is none. Throws RegistryError CREDENTIALS. */
export async function readAuthText(path: string): Promise<string | undefined> {
  try {
    const { size } = await stat(path);
    if (size > fileLimit) throw new Error(`${size} bytes are more than ${fileLimit}`);
    return await readFile(path, "utf8");
  } catch (cause) {
    // ENOTDIR: a folder of the path is a file, so the file is not there either.
    if (cause instanceof Error && "code" in cause && (cause.code === "ENOENT" || cause.code === "ENOTDIR"))
      return undefined;
    throw new RegistryError("CREDENTIALS", `Cannot read credentials from "${path}"`, { cause });
  }
}

const fields = z.record(z.string(), z.unknown());
const document = z.object({
  auths: fields.nullish(),
  credHelpers: z.record(z.string(), z.string()).nullish(),
  credsStore: z.string().nullish(),
});

/**
 * Parses a file of credentials. What it does not know is left alone, and an entry is looked at when
 * it is needed, so that one which cannot be used spoils no other. Throws RegistryError CREDENTIALS,
 * without quoting the file.
 */
export function parseAuthFile(text: string, name: string, { legacy = false }: { legacy?: boolean } = {}): AuthFile {
  const fail = (reason: string): RegistryError =>
    new RegistryError("CREDENTIALS", `Cannot read credentials from "${name}": ${reason}`, {
      hint: "Correct the file, or log in with --authfile FILE and set REGISTRY_AUTH_FILE to it",
    });
  // `docker logout` of old and `touch` leave files without content.
  const value = text.trim() === "" ? {} : parse(text);
  if (value === undefined) throw fail("it is not JSON");
  const parsed = legacy ? fields.transform((auths) => ({ auths })).safeParse(value) : document.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const at = issue?.path.join(".") ?? "";
    throw fail(`${at === "" ? "it" : `"${at}"`} is not what it must be: ${issue?.message ?? "of another type"}`);
  }
  const { auths, credHelpers, credsStore }: z.infer<typeof document> = parsed.data;
  return {
    name,
    auths: new Map(Object.entries(auths ?? {})),
    credHelpers: new Map(Object.entries(credHelpers ?? {})),
    credsStore: credsStore === null || credsStore === "" ? undefined : credsStore,
    legacy,
  };
}

// JSON.parse quotes the text around an error, which may be a password.
function parse(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return value;
  } catch {
    return undefined;
  }
}

/** The entry of `auths` for a repository: the longest key that names it, in any of the forms keys have. */
export function findEntry(file: AuthFile, registry: string, repository: string): AuthEntry | undefined {
  for (const key of entryKeys(file, registry, repository)) {
    const credential = decodeEntry(file, key);
    // Docker writes `{}` for a registry whose credentials a helper keeps.
    if (credential !== undefined) return { key, credential };
  }
  return undefined;
}

/** The keys of `auths` that are for a repository, best first. */
export function entryKeys(file: AuthFile, registry: string, repository: string): readonly string[] {
  const canonical = canonicalRegistry(registry);
  const exact = file.legacy ? [] : keysOf(registry, repository);
  const hub = canonical === "docker.io" ? [dockerHubKey] : [];
  const spelled = [...file.auths.keys()].filter((key) => registryOfKey(key, file.legacy) === canonical);
  return [...new Set([...exact, ...hub, ...spelled])].filter((key) => file.auths.has(key));
}

/** The helper that is set for a registry in `credHelpers`, under any spelling; "" counts as set. */
export function helperOf(
  file: AuthFile,
  registry: string,
): { readonly key: string; readonly helper: string } | undefined {
  const canonical = canonicalRegistry(registry);
  const keys = [registry, ...file.credHelpers.keys()];
  for (const key of keys) {
    const helper = file.credHelpers.get(key);
    if (helper !== undefined && (key === registry || registryOfKey(key) === canonical)) return { key, helper };
  }
  return undefined;
}

const entryDocument = z.object({
  auth: z.string().nullish(),
  username: z.string().nullish(),
  password: z.string().nullish(),
  identitytoken: z.string().nullish(),
  registrytoken: z.string().nullish(),
});

function decodeEntry(file: AuthFile, key: string): Credential | undefined {
  const fail = (reason: string): RegistryError =>
    new RegistryError("CREDENTIALS", `Cannot use credentials "${key}" of "${file.name}": ${reason}`, {
      hint: `Log in again: lading login ${registryOfKey(key, file.legacy) ?? key}`,
    });
  const parsed = entryDocument.safeParse(file.auths.get(key));
  if (!parsed.success) throw fail("the entry is not an object of texts");
  const { auth, username, password, identitytoken, registrytoken } = parsed.data;
  if (present(registrytoken)) return { type: "bearer", token: registrytoken };
  if (present(identitytoken)) return { type: "identity", token: identitytoken };
  if (!present(auth))
    return present(username) || present(password)
      ? { type: "password", username: username ?? "", password: password ?? "" }
      : undefined;
  const text = decodeBase64(auth);
  if (text === undefined) throw fail('its "auth" is not Base64');
  const colon = text.indexOf(":");
  if (colon === -1) throw fail('its "auth" has no colon between name and password');
  // Docker of old padded the password with zeros.
  return {
    type: "password",
    username: text.slice(0, colon),
    password: text.slice(colon + 1).replace(/^\0+|\0+$/g, ""),
  };
}

function present(text: string | null | undefined): text is string {
  return text !== undefined && text !== null && text !== "";
}

// Buffer.from() takes anything for Base64 and leaves out what is not.
function decodeBase64(text: string): string | undefined {
  const digits = text.replace(/[\r\n]/g, "");
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(digits) || digits.replace(/=+$/, "").length % 4 === 1) return undefined;
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Buffer.from(digits, "base64"));
  } catch {
    return undefined;
  }
}
