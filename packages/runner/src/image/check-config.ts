import type { ContainerConfig } from "@lading/oci";
import { signalNumber } from "../supervisor/signals.ts";
import { isPort } from "./exposed-port.ts";
import { unsafeImage } from "./unsafe-image.ts";
import { checkUser } from "./user.ts";

/**
 * Refuses a config that engines have misread, or that says nothing they could understand. What it
 * gives back is for people. Throws RunnerError UNSAFE_IMAGE, and USER for a user that is out of range.
 */
export function checkConfig(config: ContainerConfig): readonly string[] {
  for (const entry of config.Env ?? [])
    // `NAME` and `NAME*` take the value of the host's variables (CVE-2026-57231).
    if (!/^[^=*]+=/.test(entry) || entry.includes("\0"))
      throw unsafeImage(
        `its Env has ${quoted(entry)}, which is no NAME=value and might be filled in from the host (CVE-2026-57231)`,
      );
  checkUser(config.User ?? "");
  for (const path of Object.keys(config.Volumes ?? {}))
    if (path.includes("\0")) throw unsafeImage(`its volume ${quoted(path)} holds a NUL`);
  for (const port of Object.keys(config.ExposedPorts ?? {}))
    if (!isPort(port)) throw unsafeImage(`it exposes ${quoted(port)}, which is no port`);
  checkStopSignal(config.StopSignal ?? "");
  const orders = Object.keys(config.Labels ?? {}).filter((name) => isOrder(name));
  return orders.length === 0
    ? []
    : [`left out of the image's labels, since engines obey such: ${orders.map((name) => quoted(name)).join(", ")}`];
}

function checkStopSignal(text: string): void {
  if (text === "") return;
  try {
    signalNumber(text);
  } catch (cause) {
    throw unsafeImage(`its StopSignal ${quoted(text)} is no signal`, cause);
  }
}

// CVE-2026-53488 ran a host's program named in one of the first.
const ordering = [
  "containerd.io/",
  "io.containerd.",
  "io.containers.",
  "io.kubernetes.",
  "io.podman.",
  "nerdctl/",
  "run.oci.",
  "io.lading.",
];

/** Whether an engine takes a label for an order; what an image says of itself never is one. */
export function isOrder(label: string): boolean {
  return label === "PODMAN_SYSTEMD_UNIT" || ordering.some((prefix) => label.startsWith(prefix));
}

/** Of an image, for people: no control characters, not too long. */
function quoted(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text);
}
