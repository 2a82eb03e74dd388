export { RegistryError, type RegistryErrorCode, type RegistryErrorOptions, type RegistryMessage } from "./errors.ts";
export type { Credential, FoundCredential, Keychain } from "./auth/credential.ts";
export type { Endpoint, HostConfig, Route, TlsSettings } from "./hosts/host-config.ts";
export { defaultKeychain, type KeychainOptions } from "./credentials/keychain.ts";
export { type LoginKey, parseLoginKey } from "./credentials/auth-key.ts";
export {
  removeAllCredentials,
  removeCredential,
  storeCredential,
  type StoredCredential,
  type StoreOptions,
} from "./credentials/store.ts";
