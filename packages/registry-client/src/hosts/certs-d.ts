import { createPrivateKey, X509Certificate } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { RegistryError } from "../errors.ts";
import { namesOfHost } from "./docker-hub.ts";
import type { TlsSettings } from "./host-config.ts";
import { type HostConfigPlaces, placesOf } from "./places.ts";

/**
 * Certificates for a host, from the first folder there is of `~/.config/containers/certs.d/HOST`,
 * `/etc/containers/certs.d/HOST` and `/etc/docker/certs.d/HOST` (containers-certs.d(5)); HOST is
 * `host:port` as names have it. Throws RegistryError CONFIG.
 */
export async function readHostCertificates(host: string, options: HostConfigPlaces = {}): Promise<TlsSettings> {
  const { home, systemFolders } = placesOf(options);
  // It becomes a path.
  if (!/^[\w.:[\]-]+$/.test(host) || host.startsWith(".")) return {};
  const roots = [join(home, ".config/containers"), systemFolders.containers, systemFolders.docker];
  for (const root of roots) {
    for (const name of namesOfHost(host)) {
      const settings = await readFolder(join(root, "certs.d", name), true);
      if (settings !== undefined) return settings;
    }
  }
  return {};
}

/** Certificates of a folder: `*.crt` are authorities, NAME.cert and NAME.key the client's own. Throws RegistryError CONFIG. */
export async function readCertificates(folder: string): Promise<TlsSettings> {
  return (await readFolder(folder, false)) ?? {};
}

async function readFolder(folder: string, optional: boolean): Promise<TlsSettings | undefined> {
  let names: string[];
  try {
    names = (await readdir(folder)).sort();
  } catch (error) {
    // Other people's folders under /etc/docker are not for us to read; podman passes over them too.
    if (optional && isCode(error, "ENOENT", "ENOTDIR", "EACCES")) return undefined;
    throw failure("list", folder, error);
  }
  const ca: string[] = [];
  const pairs: { readonly cert: string; readonly key: string }[] = [];
  for (const name of names) {
    const path = join(folder, name);
    if (name.endsWith(".crt")) ca.push(...(await readAuthority(path)));
    else if (name.endsWith(".cert")) pairs.push(await readPair(path, names, folder));
    else if (name.endsWith(".key") && !names.includes(name.replace(/key$/, "cert")))
      throw new RegistryError(
        "CONFIG",
        `Cannot use ${JSON.stringify(path)}: its certificate ${name.replace(/key$/, "cert")} is missing`,
      );
  }
  const [pair, second] = pairs;
  if (second !== undefined)
    throw new RegistryError(
      "CONFIG",
      `Cannot use ${JSON.stringify(folder)}: it has ${pairs.length} client certificates, one can be sent`,
    );
  return { ...(ca.length === 0 ? {} : { ca }), ...pair };
}

async function readAuthority(path: string): Promise<readonly string[]> {
  let pem: string;
  try {
    pem = await readFile(path, "utf8");
  } catch (error) {
    // A link to nowhere, which podman passes over with a warning.
    if (isCode(error, "ENOENT")) return [];
    throw failure("read", path, error);
  }
  const blocks = pem.match(/-----BEGIN (?:TRUSTED )?CERTIFICATE-----[^-]+-----END (?:TRUSTED )?CERTIFICATE-----/g);
  if (blocks === null)
    throw new RegistryError("CONFIG", `Cannot use ${JSON.stringify(path)}: there is no PEM certificate in it`);
  for (const block of blocks) parse(path, () => new X509Certificate(block));
  return [pem];
}

async function readPair(
  path: string,
  names: readonly string[],
  folder: string,
): Promise<{ readonly cert: string; readonly key: string }> {
  const keyPath = path.replace(/cert$/, "key");
  if (!names.includes(keyPath.slice(folder.length + 1)))
    throw new RegistryError(
      "CONFIG",
      `Cannot use ${JSON.stringify(path)}: its key ${keyPath.slice(folder.length + 1)} is missing`,
      {
        hint: "Certificates of authorities end with .crt",
      },
    );
  const [cert = "", key = ""] = await Promise.all(
    [path, keyPath].map((file) =>
      readFile(file, "utf8").catch((error: unknown) => {
        throw failure("read", file, error);
      }),
    ),
  );
  const certificate = parse(path, () => new X509Certificate(cert));
  const privateKey = parse(keyPath, () => createPrivateKey(key));
  if (!certificate.checkPrivateKey(privateKey))
    throw new RegistryError(
      "CONFIG",
      `Cannot use ${JSON.stringify(path)}: ${JSON.stringify(keyPath)} is the key of another certificate`,
    );
  return { cert, key };
}

function parse<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw failure("use", path, error);
  }
}

function failure(verb: string, path: string, error: unknown): RegistryError {
  const reason = isCode(error, "ERR_OSSL_PEM_NO_START_LINE", "ERR_OSSL_UNSUPPORTED")
    ? "it is not PEM"
    : isCode(error, "ENOENT")
      ? "it is not there"
      : error instanceof Error
        ? error.message
        : String(error);
  return new RegistryError("CONFIG", `Cannot ${verb} ${JSON.stringify(path)}: ${reason}`, { cause: error });
}

function isCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && "code" in error && typeof error.code === "string" && codes.includes(error.code);
}
