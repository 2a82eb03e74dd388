/** How names and files of credentials call Docker Hub. */
const dockerHub = "docker.io";
const apiHost = "registry-1.docker.io";

/** The host that answers for a registry: Docker Hub's API has a name of its own. */
export function apiHostOf(registry: string): string {
  return registry === dockerHub ? apiHost : registry;
}

/** The names under which settings for a host may be found, the usual one first. */
export function namesOfHost(host: string): readonly string[] {
  return host === apiHost || host === dockerHub ? [dockerHub, apiHost] : [host];
}
