export { RunnerError, type RunnerErrorCode } from "./errors.ts";
export type { BindMount, RunSpec } from "./run-spec.ts";
export { type ContainerPlan, planContainer } from "./container-plan.ts";
export { type Accounts, type ResolvedUser, resolveUser } from "./image/user.ts";
export { changeCapabilities } from "./security/capabilities.ts";
export { type ProfileName, type SecurityProfile, securityProfiles } from "./security/profile.ts";
export type { Seccomp } from "./security/seccomp.ts";
export { runtimeSpec } from "./runtime-spec.ts";
export { type ContainerExit, runContainer, type RunContainerOptions } from "./runc/run-container.ts";
