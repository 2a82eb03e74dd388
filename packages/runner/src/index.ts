export { RunnerError, type RunnerErrorCode } from "./errors.ts";
export type {
  BindMount,
  DeviceRequest,
  IdRange,
  MountRequest,
  NamespaceSource,
  NetworkSource,
  PortMapping,
  ResourceRequest,
  RestartPolicy,
  RunSpec,
  TmpfsMount,
  Ulimit,
  UserNamespaceSource,
  VolumeMount,
} from "./run-spec.ts";
export type { ContainerPlan } from "./container-plan.ts";
export type {
  Container,
  ContainerInfo,
  ContainerStats,
  ContainerStatus,
  CreateOptions,
  Engine,
  EngineImage,
  EngineImages,
  EngineInfo,
  EngineName,
  EngineProbe,
  ExecSpec,
  ExitStatus,
  ImportOptions,
  LogLine,
  LogsOptions,
  OpenedImage,
  Process,
  StartOptions,
  Stdio,
} from "./engine.ts";
export type { EffectiveMount, Isolation, NamespaceKind } from "./isolation/isolation.ts";
export type { Host } from "./host/host.ts";
export { readHost } from "./host/read-host.ts";
export { type PlanContext, planContainer } from "./plan-container.ts";
export { checkImage } from "./image/check-image.ts";
export { copyIn, copyOut, type CopyFilesOptions } from "./files/copy.ts";
export type { CopyReport } from "./files/copy-report.ts";
export { FactsStore } from "./image/facts-store.ts";
export {
  type ImageFacts,
  imageFacts,
  type ImageFactsOptions,
  type LayerMemory,
  type Oddity,
  type ReadLayer,
  type VolumeFolder,
} from "./image/image-facts.ts";
export { refusePlatform } from "./image/runnable-platform.ts";
export { type Accounts, type ResolvedUser, resolveUser } from "./image/user.ts";
export { type Advisory, advisoriesFor, type EngineAdvisory, formatAdvisory } from "./security/advisories.ts";
export { changeCapabilities } from "./security/capabilities.ts";
export { type ProfileName, type SecurityProfile, securityProfiles } from "./security/profile.ts";
export { findOnHost, type HostRequest } from "./security/host-request.ts";
export { parseSeccompProfile } from "./security/parse-seccomp.ts";
export type { Seccomp, SeccompProfile } from "./security/seccomp.ts";
export { runtimeSpec } from "./runtime-spec.ts";
export { RuncEngine, type RuncEngineOptions } from "./runc/runc-engine.ts";
export { probeRunc } from "./runc/runc-info.ts";
export { stateFolder } from "./state/state-folder.ts";
export { chooseEngine, type EngineChoice, engineNames, openEngine, probeEngines } from "./choose-engine.ts";
export { Containers } from "./containers.ts";
export { type CreateContainerOptions, createContainer, type CreatedContainer } from "./create-container.ts";
export { checkImport, importImage, type ImportImageOptions } from "./import-image.ts";
export { publishedPort, type Readiness, waitUntilReady } from "./readiness.ts";
export {
  type ExecResult,
  type ImageInput,
  type NamedImage,
  run,
  type RunningContainer,
  type RunOptions,
} from "./run.ts";
export { type ContainerRecord, ContainerStore } from "./state/container-store.ts";
export { PodmanEngine, type PodmanOptions } from "./podman/podman-engine.ts";
export { probePodman } from "./podman/probe-podman.ts";
export { compareIsolation, type CompareOptions } from "./isolation/compare-isolation.ts";
export { pauseImage, type PauseImageOptions, pauseImageName } from "./sandbox/pause-image.ts";
export { sandboxSpec, type SandboxSpec } from "./sandbox/sandbox-spec.ts";
export { ContainerdEngine, type ContainerdEngineOptions } from "./containerd/containerd-engine.ts";
export { probeContainerd } from "./containerd/containerd-info.ts";
export { DockerStore, type DockerImportOptions, type DockerOptions } from "./docker/docker-store.ts";
export { RuncSteps, type RuncStepsOptions, type RunStepOptions, type StepEnd } from "./steps/runc-steps.ts";
export type { Step, StepFiles, StepMount } from "./steps/step.ts";
export { type StepBase, stepBases } from "./steps/step-bases.ts";
export { beginInUserNamespace, type BegunInUserNamespace, type UserNamespaceOptions } from "./steps/user-namespace.ts";
export { findRuntime } from "./runc/find-runtime.ts";
