import type { DescriptionInput } from "./description-file.ts";

/** A build description, or how to get one. */
export type Config = DescriptionInput | (() => DescriptionInput | Promise<DescriptionInput>);

/** For lading.config.ts: gives the description its type, and returns it as it is. */
export function defineConfig<T extends Config>(config: T): T {
  return config;
}
