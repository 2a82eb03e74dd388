import { homedir } from "node:os";
import { join } from "node:path";
import { isWithin } from "../image/paths.ts";

// Whoever speaks to one of them is root, or the user that the engine runs as.
const sockets = [
  "/run/docker.sock",
  "/run/docker/containerd/containerd.sock",
  "/run/podman/podman.sock",
  "/run/containerd/containerd.sock",
  "/run/k3s/containerd/containerd.sock",
  "/run/crio/crio.sock",
  "/run/buildkit/buildkitd.sock",
  "/run/cri-dockerd.sock",
  "/run/systemd/private",
  "/run/dbus/system_bus_socket",
];
const socketNames = /^(?:docker|podman|containerd|crio|buildkitd|cri-dockerd|dockershim)\.sock$/;

// The host itself: nothing of these as a whole, nor what they are in.
const wholes = ["/etc", "/dev", "/boot", "/run"];
// Nor anything below these: the kernel's own files, and other containers'.
const depths = ["/proc", "/sys", "/var/lib/docker", "/var/lib/containerd", "/var/lib/containers", "/var/lib/lading"];
const userDepths = ["docker", "containers", "lading"].map((name) => join(".local/share", name));

/**
 * Why a mount of `path`, absolute and without symlinks, would hand over the host; undefined when it
 * would not. `home` is the caller's.
 */
export function dangerOf(path: string, { home = homedir() }: { readonly home?: string } = {}): string | undefined {
  const name = path.slice(path.lastIndexOf("/") + 1);
  if (sockets.includes(path) || socketNames.test(name))
    return "whoever can speak to that socket controls the containers of this machine, and the machine with them";
  if (path === "/") return "it is the whole machine";
  const whole = wholes.find((each) => isWithin(each, path));
  if (whole !== undefined) return whole === path ? "the machine runs by what is in it" : `${whole} is in it`;
  const depth = [...depths, ...userDepths.map((each) => join(home, each))].find((each) => isWithin(path, each));
  if (depth !== undefined)
    return depth === "/proc" || depth === "/sys"
      ? "it is the kernel's own"
      : "it is where an engine keeps its containers";
  const above = depths.find((each) => isWithin(each, path));
  if (above !== undefined) return `${above} is in it`;
  const socket = sockets.find((each) => isWithin(each, path));
  return socket === undefined ? undefined : `${socket} is in it, and whoever can speak to that controls the machine`;
}

/** The sockets of engines and of the system by their usual paths. */
export const knownSockets: readonly string[] = sockets;
