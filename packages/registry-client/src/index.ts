export { RegistryError, type RegistryErrorCode, type RegistryErrorOptions, type RegistryMessage } from "./errors.ts";
export type { Credential, FoundCredential, Keychain } from "./auth/credential.ts";
export type { Endpoint, HostConfig, Route, TlsSettings } from "./hosts/host-config.ts";
