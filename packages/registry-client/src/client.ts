import { parseReference, type Reference } from "@lading/oci";
import type { Keychain } from "./auth/credential.ts";
import { defaultKeychain } from "./credentials/keychain.ts";
import type { Endpoint, HostConfig } from "./hosts/host-config.ts";
import { type LoadedHostConfig, loadHostConfig } from "./hosts/load-host-config.ts";
import { Repository } from "./repository.ts";
import type { RemoteRepository } from "./repository/remote.ts";
import { AddressGuard } from "./transport/address-guard.ts";
import { redactUrl } from "./transport/redact.ts";
import { HttpRegistryHost } from "./transport/host.ts";
import type { RegistryHost } from "./transport/registry-host.ts";
import type { Retry, RetryPolicy } from "./transport/retry.ts";
import { type Timeouts, Wire } from "./transport/wire.ts";
import { type WebFile, type WebFileOptions, WebHost } from "./web/web-host.ts";

export interface RegistryClientOptions {
  /** Default: the files and helpers of docker and podman, see `defaultKeychain`. */
  readonly keychain?: Keychain;
  /** Default: registries.conf, certs.d and the proxy variables of the environment. */
  readonly hostConfig?: HostConfig;
  /** Default: `lading`. */
  readonly userAgent?: string;
  readonly retries?: RetryPolicy;
  readonly timeouts?: Timeouts;
  /** Takes each warning that a registry sends, once. */
  readonly onWarning?: (registry: string, text: string) => void;
  /** Is told of each try that failed and will be made again, before the wait. */
  readonly onRetry?: (registry: string, retry: Retry) => void;
  /** Takes one line for each exchange, and more on credentials and retries; no secrets. */
  readonly onTrace?: (line: string) => void;
}

/** Connections, credentials and configuration for any number of registries. Close it, or connections stay open for a while. */
export class RegistryClient implements AsyncDisposable {
  readonly #options: RegistryClientOptions;
  readonly #hostConfig: HostConfig;
  readonly #keychain: Keychain;
  readonly #wire: Wire;
  readonly #hosts = new Map<string, RegistryHost>();
  readonly #webHosts = new Map<string, WebHost>();

  private constructor(options: RegistryClientOptions, hostConfig: HostConfig, keychain: Keychain) {
    const { userAgent = "lading", timeouts, onTrace } = options;
    this.#options = options;
    this.#hostConfig = hostConfig;
    this.#keychain = keychain;
    this.#wire = new Wire({ hostConfig, userAgent, timeouts, onTrace });
  }

  static async open(options: RegistryClientOptions = {}): Promise<RegistryClient> {
    const { onTrace } = options;
    const hostConfig: HostConfig & Partial<LoadedHostConfig> = options.hostConfig ?? (await loadHostConfig());
    const { credentialHelpers } = hostConfig;
    const keychain =
      options.keychain ??
      defaultKeychain({
        ...(credentialHelpers === undefined ? {} : { credentialHelpers }),
        ...(onTrace === undefined ? {} : { onTrace }),
      });
    return new RegistryClient(options, hostConfig, keychain);
  }

  /** The host behind an endpoint: one for each, so that what was learned of it is kept. */
  host(endpoint: Endpoint): RegistryHost {
    const { registry, base, plainHttp, verifyTls } = endpoint;
    const key = [registry, base.href, plainHttp, verifyTls].join(" ");
    const known = this.#hosts.get(key);
    if (known !== undefined) return known;
    const { retries, onWarning, onRetry, onTrace } = this.#options;
    const host = new HttpRegistryHost({
      endpoint,
      wire: this.#wire,
      guard: new AddressGuard(base),
      keychain: this.#keychain,
      retries,
      onWarning: onWarning === undefined ? undefined : (text) => onWarning(registry, text),
      onRetry: onRetry === undefined ? undefined : (retry) => onRetry(registry, retry),
      onTrace,
    });
    this.#hosts.set(key, host);
    return host;
  }

  /** A repository by name (`ghcr.io/acme/app`) or reference, whose tag and digest say which mirrors are used. Throws SyntaxError, or RegistryError CONFIG. */
  repository(name: string | Reference): Repository {
    const reference = typeof name === "string" ? parseReference(name) : name;
    const { primary, mirrors, writeTo } = this.#hostConfig.route(reference);
    const remote = (endpoint: Endpoint): RemoteRepository => ({
      host: this.host(endpoint),
      repository: endpoint.repository,
    });
    return new Repository({
      name: reference,
      primary: remote(writeTo ?? primary),
      mirrors: mirrors.map(remote),
      ...(writeTo === undefined ? {} : { location: remote(primary) }),
    });
  }

  /** The registry that a reference names: no mirror of it, nor where registries.conf moves what is read. Throws RegistryError CONFIG. */
  named(reference: Reference): RegistryHost {
    const { primary, writeTo = primary } = this.#hostConfig.route(reference);
    return this.host(writeTo);
  }

  /**
   * A file that is no registry's, by HTTP or HTTPS: over the same proxies, with the certificates that certs.d has for its host, and
   * tried again as often. No credentials are looked up, and certificates are always verified. Undefined when it is still the one
   * that `etag` names. Throws TypeError for what is no such URL, RegistryError.
   */
  async file(url: string | URL, options: WebFileOptions = {}): Promise<WebFile | undefined> {
    const at = new URL(url);
    if (at.protocol !== "http:" && at.protocol !== "https:")
      throw new TypeError(`Cannot fetch "${redactUrl(at, "web")}": it is neither http nor https`);
    let host = this.#webHosts.get(at.origin);
    if (host === undefined) {
      const { retries, onRetry } = this.#options;
      host = new WebHost({
        origin: new URL(at.origin),
        wire: this.#wire,
        retries,
        onRetry: onRetry === undefined ? undefined : (retry) => onRetry(at.host, retry),
      });
      this.#webHosts.set(at.origin, host);
    }
    return await host.file(at, options);
  }

  /** Ends all connections, also those in use. */
  close(): Promise<void> {
    return this.#wire.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
