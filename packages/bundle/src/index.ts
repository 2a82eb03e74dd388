export { type Belongings, Bundle, type BundledImage, openArchive } from "./bundle.ts";
export { collectBundle, type CollectOptions, type Collection, type ImageToBundle } from "./collect.ts";
export { type BundleContents, contentsOf, contentsOfBundle, formatContents, readContents } from "./contents.ts";
export type { Delta } from "./delta.ts";
export { type Base, loadBundle, type LoadBundleOptions, type LoadTarget } from "./load-bundle.ts";
export type { Part, VerifyPartsOptions } from "./parts.ts";
export { verifyBundle, type VerifiedBundle, type VerifyBundleOptions } from "./verify-bundle.ts";
export { writeBundle, type WriteBundleOptions, type WrittenBundle } from "./write-bundle.ts";
