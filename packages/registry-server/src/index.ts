export type { Intercept, RegistryServer, ServedRequest, ServeOptions } from "./serve.ts";
