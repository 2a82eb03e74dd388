import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { hostname as hostName, networkInterfaces } from "node:os";
import { join } from "node:path";
import type { IdRange } from "../run-spec.ts";
import type { TaskRequest } from "../supervisor/task.ts";
import { hostsFile, resolvConf, withServers } from "./container-files.ts";
import type { ConnectRequest } from "./networks.ts";
import type { SharedContainer } from "./shared-namespaces.ts";

/** A container's address on a bridge, and the host's. */
export interface BridgeAddress {
  readonly address: string;
  readonly gateway: string;
}

const names = ["hosts", "hostname", "resolv.conf"] as const;

/**
 * Writes the files of /etc that say who the container is and where names are looked up, into `etc`
 * below its folder; returns the path of each by its path in the container. On a network that is
 * another container's they are that container's own, as with docker: what either writes, both see.
 */
export function writeContainerFiles(
  request: ConnectRequest,
  network: SharedContainer | undefined,
  bridge: BridgeAddress | undefined,
): TaskRequest["files"] {
  const folder = join(request.folder, "etc");
  // Whoever the container's user is to the host: a runtime may have to reach them as that user.
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  const texts = network === undefined ? textsOf(request, bridge) : { hostname: `${nameOf(request)}\n` };
  for (const [name, text] of Object.entries(texts)) {
    const path = join(folder, name);
    writeFileSync(path, text);
    // Whatever this process masks: who is not root in the container reads them too.
    chmodSync(path, 0o644);
    chownSync(path, rootOf(request.ids?.uidMap), rootOf(request.ids?.gidMap));
  }
  return { ...network?.files, ...paths(folder, Object.keys(texts)) };
}

/** The files that `writeContainerFiles` left in a container's folder. */
export function filesIn(containerFolder: string): TaskRequest["files"] {
  const folder = join(containerFolder, "etc");
  return paths(
    folder,
    names.filter((name) => existsSync(join(folder, name))),
  );
}

function paths(folder: string, names: readonly string[]): TaskRequest["files"] {
  return Object.fromEntries(names.map((name) => [`/etc/${name}`, join(folder, name)]));
}

type Texts = Readonly<Partial<Record<(typeof names)[number], string>>>;

function textsOf(request: ConnectRequest, bridge: BridgeAddress | undefined): Texts {
  const { plan, name } = request.record;
  const { network } = plan.namespaces;
  const [host, resolv, upstream] = ["/etc/hosts", "/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"].map(read);
  const hostname = nameOf(request);
  const own = [hostname, name];
  const hosts = { host: host ?? "", addHosts: plan.addHosts };
  if (network === "none")
    // Nobody can be asked, so resolv.conf stays the image's, as with podman.
    return {
      hostname: `${hostname}\n`,
      hosts: hostsFile({ ...hosts, gateway: undefined, own: { address: "127.0.0.1", names: own } }),
    };
  if (network === "host")
    return {
      hostname: `${hostname}\n`,
      hosts: hostsFile({ ...hosts, gateway: hostAddress(), own: undefined }),
      "resolv.conf": withServers(resolv ?? "", plan.dns),
    };
  return {
    hostname: `${hostname}\n`,
    hosts: hostsFile({
      ...hosts,
      gateway: bridge?.gateway,
      own: bridge === undefined ? undefined : { address: bridge.address, names: own },
    }),
    "resolv.conf": resolvConf({ host: resolv ?? "", upstream, dns: plan.dns }),
  };
}

function nameOf({ record, hostname }: ConnectRequest): string {
  return record.plan.namespaces.uts === "host" ? hostName() : hostname;
}

/** An address by which the host reaches itself. */
export function hostAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap((interfaces) => interfaces ?? []);
  return all.find(({ family, internal }) => family === "IPv4" && !internal)?.address ?? "127.0.0.1";
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

/** Whom the files belong to: root, as the container counts. */
function rootOf(map: readonly IdRange[] | undefined): number {
  return map?.find(({ containerId }) => containerId === 0)?.hostId ?? process.getuid?.() ?? 0;
}
