// The programs that judge our images, and the Debian packages that hold them.

import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";

/** Program on PATH, or a path below /usr/lib; Debian package; and what cannot be tested without it. */
export const tools = [
  ["skopeo", "skopeo", "reading and copying our layouts and archives"],
  ["umoci", "umoci", "unpacking our layers"],
  ["podman", "podman", "loading and running our images"],
  ["buildah", "buildah", "building our Dockerfiles as another builder does"],
  ["runc", "runc", "running our images"],
  ["crun", "crun", "running our images with the other runtime"],
  ["conmon", "conmon", "running our images"],
  ["catatonit", "catatonit", "a process 1 that reaps others"],
  ["iptables", "iptables", "reaching our images over a network"],
  ["ip", "iproute2", "reaching our images over a network"],
  ["cni/bridge", "containernetworking-plugins", "networks of containers without a daemon"],
  ["podman/netavark", "netavark", "networks of podman's containers"],
  ["podman/aardvark-dns", "aardvark-dns", "networks of podman's containers"],
  ["slirp4netns", "slirp4netns", "networks of podman's containers without root"],
  ["newuidmap", "uidmap", "podman without root"],
  ["containerd", "containerd", "importing our archives"],
  ["ctr", "containerd", "importing our archives"],
  ["dockerd", "docker.io", "loading and running our images with Docker"],
  ["docker", "docker.io", "loading and running our images with Docker"],
  ["docker-registry", "docker-registry", "pushing to and pulling from a real registry"],
  ["htpasswd", "apache2-utils", "passwords of a real registry"],
  ["openssl", "openssl", "certificates of a real registry"],
  ["tar", "tar", "listing our layers"],
  ["busybox", "busybox-static", "the busybox image"],
  ["gzip", "gzip", "unpacking .tar.gz"],
  ["bzip2", "bzip2", "unpacking .tar.bz2"],
  ["xz", "xz-utils", "unpacking .tar.xz"],
  ["zstd", "zstd", "unpacking .tar.zst"],
  ["zip", "zip", "packing zips to unpack"],
  ["rpm", "rpm", "the packages of rpm in our SBOMs"],
  ["rpmbuild", "rpm", "the packages of rpm in our SBOMs"],
  ["db_load", "db-util", "the packages of older rpms in our SBOMs"],
  ["java", "default-jre-headless", "running Java programs"],
  ["ecj", "ecj", "compiling Java programs"],
];

/** Daemons in these packages; the tests start their own. */
const services = {
  containerd: ["containerd.service"],
  "docker-registry": ["docker-registry.service"],
  "docker.io": ["docker.service", "docker.socket"],
};

/** Install missing tools where that is possible (root on Debian); return those still missing. */
export function installTools() {
  const wanted = missing();
  if (wanted.length === 0) return wanted;
  if (process.getuid?.() !== 0 || !found("apt-get")) return wanted;
  const packages = [...new Set(wanted.map(([, name]) => name))];
  console.error(`Installing ${packages.join(" ")}`);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const options = { env, stdio: ["ignore", "ignore", "inherit"] };
  const quiet = ["-qq", "-o=Dpkg::Use-Pty=0", "-o=DPkg::Lock::Timeout=120"];
  spawnSync("apt-get", [...quiet, "update"], options);
  const install = ["install", "--yes", "--no-install-recommends", "--no-upgrade", ...packages];
  withoutServices(packages, () => spawnSync("apt-get", [...quiet, ...install], options));
  return missing();
}

/** Install packages so that their daemons start neither now nor with the machine. */
function withoutServices(packages, install) {
  // What Debian's maintainer scripts ask before they start a service; 101 means "not allowed".
  const policy = "/usr/sbin/policy-rc.d";
  const isOurs = !existsSync(policy);
  // An interrupt is for apt-get: it must not end this process while the policy is there.
  process.on("SIGINT", ignore);
  if (isOurs) writeFileSync(policy, "#!/bin/sh\nexit 101\n", { mode: 0o755, flag: "wx" });
  try {
    install();
  } finally {
    if (isOurs) rmSync(policy);
    process.off("SIGINT", ignore);
  }
  const units = packages.flatMap((name) => services[name] ?? []);
  if (units.length > 0 && existsSync("/run/systemd/system"))
    spawnSync("systemctl", ["disable", "--quiet", ...units], { stdio: ["ignore", "ignore", "inherit"] });
}

function ignore() {}

function missing() {
  return tools.filter(([program]) => !found(program));
}

function found(program) {
  const folders = program.includes("/")
    ? ["/usr/lib", "/usr/libexec"]
    : [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/sbin"];
  return folders.some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
