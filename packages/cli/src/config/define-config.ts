import type { BuildSpecInput } from "@lading/builder";

/** A build description, or how to get one. */
export type Config = BuildSpecInput | (() => BuildSpecInput | Promise<BuildSpecInput>);

/** For lading.config.ts: gives the description its type, and returns it as it is. */
export function defineConfig<T extends Config>(config: T): T {
  return config;
}
