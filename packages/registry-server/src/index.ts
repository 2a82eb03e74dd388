export type { Action, Auth } from "./auth.ts";
export type { ServedContent } from "./backing.ts";
export type { Operation, ServedRequest } from "./route.ts";
export { type Access, type Intercept, type RegistryServer, serve, type ServeOptions } from "./serve.ts";
