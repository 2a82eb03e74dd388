export { RegistryError, type RegistryErrorCode, type RegistryMessage } from "./errors.ts";
export type { Credential, FoundCredential, Keychain } from "./auth/credential.ts";
export type { Endpoint, HostConfig, Route, TlsSettings } from "./hosts/host-config.ts";
export { type HostConfigOptions, loadHostConfig, type LoadedHostConfig } from "./hosts/load-host-config.ts";
export { checkCredential } from "./credentials/check.ts";
export { defaultKeychain, type KeychainOptions } from "./credentials/keychain.ts";
export { parseLoginKey } from "./credentials/auth-key.ts";
export {
  removeAllCredentials,
  removeCredential,
  storeCredential,
  type StoredCredential,
  type StoreOptions,
} from "./credentials/store.ts";
export { RegistryClient, type RegistryClientOptions } from "./client.ts";
export type { RetryPolicy } from "./transport/retry.ts";
export type { Timeouts } from "./transport/wire.ts";
export { type DeleteOptions, Repository } from "./repository.ts";
export type { WebFile, WebFileOptions } from "./web/web-host.ts";
