import { formatReference, type Reference } from "@lading/oci";
import { RegistryError } from "../errors.ts";
import { readCertificates, readHostCertificates } from "./certs-d.ts";
import { apiHostOf } from "./docker-hub.ts";
import type { Endpoint, HostConfig, Route, TlsSettings } from "./host-config.ts";
import { isLoopbackHost } from "./loopback.ts";
import { type HostConfigPlaces, placesOf } from "./places.ts";
import { proxyFromEnvironment } from "./proxy.ts";
import { loadRegistriesConf } from "./registries-conf-files.ts";
import { findRegistry, type RegistriesConf, type RegistryEntry, relocate } from "./registries-conf.ts";

export interface HostConfigOptions extends HostConfigPlaces {
  /** True: the registry that is named speaks plain HTTP. False: none does, not even on this machine. */
  readonly plainHttp?: boolean;
  /** False: certificates are not checked, and plain HTTP is tried. True: also where registries.conf says `insecure`. */
  readonly verifyTls?: boolean;
  /** A folder with certificates for every registry, in place of certs.d. */
  readonly certDir?: string;
  /** The registries.conf to read, in place of the user's and the system's. */
  readonly registriesConf?: string;
}

export interface LoadedHostConfig extends HostConfig {
  /** `credential-helpers` of registries.conf; "containers-auth.json" stands for the files of credentials. */
  readonly credentialHelpers: readonly string[];
}

/**
 * Reads what configuration says of hosts: registries.conf, certs.d (when a host is first met) and the
 * proxies of the environment. Throws RegistryError CONFIG.
 */
export async function loadHostConfig(options: HostConfigOptions = {}): Promise<LoadedHostConfig> {
  const conf = await loadRegistriesConf(options);
  const settings = new Map<string, Promise<TlsSettings>>();
  const readTls = async (host: string): Promise<TlsSettings> =>
    options.certDir === undefined ? await readHostCertificates(host, options) : await readCertificates(options.certDir);
  return {
    credentialHelpers: conf.credentialHelpers?.length ? conf.credentialHelpers : ["containers-auth.json"],
    route: (reference) => findRoute(conf, reference, options),
    tls: (host) => {
      const known = settings.get(host) ?? readTls(host);
      settings.set(host, known);
      return known;
    },
    proxyFor: proxyFromEnvironment(placesOf(options).env),
  };
}

type Demands = Pick<HostConfigOptions, "plainHttp" | "verifyTls">;

function findRoute(conf: RegistriesConf, reference: Reference, demands: Demands): Route {
  const entry = findRegistry(conf, reference);
  if (entry === undefined) return { mirrors: [], primary: endpoint(reference, false, demands) };
  if (entry.blocked)
    throw new RegistryError(
      "CONFIG",
      `Refuse to use ${formatReference(reference)}: registries.conf blocks ${JSON.stringify(entry.prefix)}`,
    );

  const moved = move(entry, reference, entry.location);
  const mirrors = entry.mirrors
    .filter(({ use }) => use === "all" || (use === "digest-only") === (reference.digest !== undefined))
    // The flags are about the registry that is named; a mirror has settings of its own.
    .map(({ location, insecure }) =>
      endpoint(move(entry, reference, location), insecure, { ...verification(demands) }),
    );
  const primary = endpoint(moved, entry.insecure, demands);
  if (formatReference(moved) === formatReference(reference)) return { mirrors, primary };
  return { mirrors, primary, writeTo: endpoint(reference, entry.insecure, demands) };
}

function verification({ verifyTls }: Demands): Demands {
  return verifyTls === undefined ? {} : { verifyTls };
}

function move(entry: RegistryEntry, reference: Reference, location: string): Reference {
  try {
    return relocate(reference, entry.prefix, location);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new RegistryError("CONFIG", `Cannot follow registries.conf for ${formatReference(reference)}: ${reason}`, {
      cause: error,
    });
  }
}

function baseOf(registry: string): URL {
  const text = `https://${apiHostOf(registry)}/`;
  // A port beyond 65535, say.
  if (!URL.canParse(text)) throw new RegistryError("CONFIG", `Cannot use "${registry}" as a registry: it is no host`);
  return new URL(text);
}

function endpoint({ registry, repository }: Reference, insecure: boolean, { plainHttp, verifyTls }: Demands): Endpoint {
  const unverified = !(verifyTls ?? !insecure);
  const guess = unverified || isLoopbackHost(registry) ? "fallback" : "never";
  return {
    registry,
    base: baseOf(registry),
    repository,
    plainHttp: plainHttp === undefined ? guess : plainHttp ? "only" : "never",
    verifyTls: !unverified,
  };
}
