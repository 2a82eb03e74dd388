import type { Reference } from "@lading/oci";

/** Where requests about a repository go. */
export interface Endpoint {
  /** As names have it, with port: `docker.io`, `mirror.local:5000`. Credentials are looked up under it. */
  readonly registry: string;
  /** The URL that `/v2/` is under; ends with a slash: `https://registry-1.docker.io/`. Always https here, see `plainHttp`. */
  readonly base: URL;
  /** How the repository is called there. */
  readonly repository: string;
  /** "fallback": when the host turns out to speak no TLS (loopback, `insecure = true`). "only": asked for by the user. */
  readonly plainHttp: "never" | "fallback" | "only";
  /** Whether the certificate is checked. */
  readonly verifyTls: boolean;
}

/** The way to a reference, as registries.conf has it. */
export interface Route {
  /** To be read from first, in this order; never written to, never given the primary's credentials. */
  readonly mirrors: readonly Endpoint[];
  readonly primary: Endpoint;
  /** Where it is written to, when that is not the primary: registries.conf moves what is read, not what is written. */
  readonly writeTo?: Endpoint;
}

/** PEM texts. */
export interface TlsSettings {
  /** Added to the system's authorities. */
  readonly ca?: readonly string[];
  readonly cert?: string;
  readonly key?: string;
}

/** What configuration says of hosts. */
export interface HostConfig {
  /** Throws RegistryError CONFIG when the registry is blocked. */
  route(reference: Reference): Route;
  /** Of `host:port` as certs.d names its folders. Throws RegistryError CONFIG for files that cannot be used. */
  tls(host: string): Promise<TlsSettings>;
  /** The proxy that requests to `url` take; undefined: none. */
  proxyFor(url: URL): URL | undefined;
}
