import type { Options } from "@lading/oci";

/** What proves who asks. */
export type Credential =
  | { readonly type: "password"; readonly username: string; readonly password: string }
  /** An OAuth2 refresh token (`identitytoken` of config.json): exchanged by POST, never sent to the registry itself. */
  | { readonly type: "identity"; readonly token: string }
  /** A bearer token that is sent as it is (`registrytoken` of config.json). */
  | { readonly type: "bearer"; readonly token: string };

export interface FoundCredential {
  readonly credential: Credential;
  /** Where it came from, for people: "credHelpers.ghcr.io (docker-credential-x) of /home/a/.docker/config.json". No secret. */
  readonly from: string;
}

/** Finds credentials. */
export interface Keychain {
  /** For a repository of a registry (`docker.io`, `library/alpine`); undefined means to go on without. Throws RegistryError CREDENTIALS. */
  find(registry: string, repository: string, options?: Options): Promise<FoundCredential | undefined>;
}
