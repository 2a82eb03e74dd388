export { cases, casesIn } from "./cases.ts";
export { type CredentialHelper, type HelperEntry, writeCredentialHelper } from "./credential-helper.ts";
export { temporaryFolder } from "./folder.ts";
export { randomImage, type RandomImage, type RandomImageOptions } from "./random-image.ts";
export { startRegistry, type StartRegistryOptions, type TestRegistry } from "./registry.ts";
export { schemaErrors, type SpecDocument } from "./schemas.ts";
export { type MakeStore, storeSuite, type StoreSuiteOptions, type StoreUnderTest } from "./store-suite.ts";
export { validateImage } from "./validate-image.ts";
