/** How Docker calls Docker Hub in its files and to credential helpers; a v1 API address that outlived the API. */
export const dockerHubKey = "https://index.docker.io/v1/";

/**
 * The keys that credentials for a repository may have, longest first: `quay.io/a/b`, `quay.io/a`,
 * `quay.io`. Each is to be compared whole; a part of a key is another registry's.
 */
export function keysOf(registry: string, repository: string): readonly string[] {
  const path = repository.split("/").filter((part) => part !== "");
  return Array.from({ length: path.length + 1 }, (_, count) =>
    [registry, ...path.slice(0, path.length - count)].join("/"),
  );
}

/**
 * The registry that a key of `auths` or `credHelpers` is for; undefined when it is for less than a
 * whole registry (`quay.io/acme`). Files of old hold URLs (`https://quay.io/v1/`), whose path says
 * nothing; `.dockercfg` has such paths without a scheme too.
 */
export function registryOfKey(key: string, legacy = false): string | undefined {
  // What `docker login` through the browser keeps beside the credentials of Docker Hub.
  if (/^https:\/\/index\.docker\.io\/v1\/(?:access|refresh)-token$/.test(key)) return undefined;
  const bare = key.replace(/^https?:\/\//, "");
  if (bare === key && !legacy && key.includes("/")) return undefined;
  return canonicalRegistry(hostOf(key));
}

/** One name for all of Docker Hub's hosts. */
export function canonicalRegistry(registry: string): string {
  return ["index.docker.io", "registry-1.docker.io"].includes(registry) ? "docker.io" : registry;
}

/** Host and port of a registry's address in any form that files have. */
export function hostOf(address: string): string {
  const host = address.replace(/^https?:\/\//, "").split("/", 1)[0] ?? "";
  // An IPv6 address without brackets and with a port; only a URL makes sure that there is one.
  const port = /^https?:\/\//.test(address)
    ? /^(?<ip>[0-9a-f:]*::?[0-9a-f:]*[0-9a-f]):(?<port>\d{4,5})$/i.exec(host)
    : null;
  const { ip, port: digits } = port?.groups ?? {};
  return ip !== undefined && ip.includes(":") ? `[${ip}]:${digits}` : host;
}

/** What `login` and `logout` are asked for. */
export interface LoginKey {
  /** Host and port; "docker.io" for Docker Hub. */
  readonly registry: string;
  /** A repository or a folder of repositories that alone is meant; "" for the whole registry. */
  readonly repository: string;
}

/** Parses a registry as people type it: `quay.io`, `https://quay.io/`, `localhost:5000/acme`. Throws SyntaxError. */
export function parseLoginKey(text: string): LoginKey {
  const fail = (reason: string): SyntaxError => new SyntaxError(`Cannot use ${quote(text)} as a registry: ${reason}`);
  if (text === dockerHubKey || text === dockerHubKey.slice(0, -1)) return { registry: "docker.io", repository: "" };
  const [host = "", ...path] = text
    .replace(/^https?:\/\//, "")
    .replace(/\/+$/, "")
    .split("/");
  if (!/^(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?|\[[0-9a-fA-F:]+\])(?::\d{1,5})?$/.test(host))
    throw fail(host === "" ? "it has no host" : `${quote(host)} is not a host`);
  const repository = path.join("/");
  if (/[:@]/.test(repository))
    throw fail("credentials are for a registry or its repositories, not for a tag or digest");
  if (repository !== "" && !/^[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:\/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*$/.test(repository))
    throw fail(`${JSON.stringify(repository)} is not a repository`);
  return { registry: canonicalRegistry(host), repository };
}

// Without user and password, which people put into URLs.
function quote(text: string): string {
  return JSON.stringify(text.replace(/^(https?:\/\/)?[^/@]*:[^/@]*@/, "$1").slice(0, 300));
}
