import type { IdRange, NamespaceSource, NetworkSource, UserNamespaceSource } from "@lading/runner";
import { known, misread } from "./misread.ts";

/** `--network`. Throws UsageError. */
export function parseNetwork(text: string): NetworkSource {
  const flag = "network";
  const { kind, of } = divided(flag, text);
  if (of !== undefined) return of;
  // What a network is called on its engine stays there: a name means the same everywhere or nothing.
  if (["slirp4netns", "pasta"].includes(kind))
    throw misread(flag, text, "that is podman's alone", "A bridge works on every engine, with and without root");
  return known({ flag, value: text, what: "network" }, kind, ["none", "bridge", "host"]);
}

/** `--pid`, `--ipc` and `--uts`. Throws UsageError. */
export function parseNamespace(flag: "pid" | "ipc" | "uts", text: string): NamespaceSource {
  const { kind, of } = divided(flag, text);
  if (of !== undefined) return of;
  // Every container's IPC namespace can be shared here, as docker's are with this word.
  if (flag === "ipc" && kind === "shareable") return "private";
  return known({ flag, value: text, what: "namespace" }, kind, ["private", "host"]);
}

/** `--cgroupns` and `--timens`. Throws UsageError. */
export function parseOwnOrHost(flag: string, text: string): "private" | "host" {
  return known({ flag, value: text, what: "namespace" }, text, ["private", "host"]);
}

function divided(
  flag: string,
  text: string,
): { readonly kind: string; readonly of?: { readonly container: string } | { readonly path: string } } {
  const colon = text.indexOf(":");
  if (colon === -1) return { kind: text };
  const kind = text.slice(0, colon);
  const value = text.slice(colon + 1);
  if (kind === "container") {
    if (value === "") throw misread(flag, text, "expected the name or ID of a container after the colon");
    return { kind, of: { container: value } };
  }
  if (kind === "ns") {
    if (!value.startsWith("/"))
      throw misread(flag, text, "expected an absolute path after the colon", "For instance ns:/proc/1/ns/ipc");
    return { kind, of: { path: value } };
  }
  // A word with options of an engine (`slirp4netns:mtu=1500`) is judged by the word.
  return { kind };
}

/** `--userns`, `--uidmap` and `--gidmap` together. Throws UsageError. */
export function parseUserNamespace(
  userns: string | undefined,
  uidmap: readonly string[],
  gidmap: readonly string[],
): UserNamespaceSource | undefined {
  const mapped = uidmap.length + gidmap.length > 0;
  if (userns === undefined || userns === "") {
    if (!mapped) return undefined;
    const uids = uidmap.map((text) => parseIdRange("uidmap", text));
    const gids = gidmap.map((text) => parseIdRange("gidmap", text));
    // As podman: who maps the one means the other too.
    return { uidMap: uids.length === 0 ? gids : uids, gidMap: gids.length === 0 ? uids : gids };
  }
  const flag = "userns";
  if (mapped) throw misread(flag, userns, "--uidmap and --gidmap make a namespace of their own");
  if (/^(?:auto|keep-id):/.test(userns))
    throw misread(flag, userns, "options after the colon cannot be had", "For exact ids: --uidmap and --gidmap");
  if (/^(?:container|ns):/.test(userns))
    throw misread(flag, userns, "a user namespace cannot be joined", "The same --uidmap gives both the same ids");
  return known({ flag, value: userns, what: "user namespace" }, userns, ["host", "auto", "keep-id"]);
}

const most = 2 ** 32 - 1;

function parseIdRange(flag: string, text: string): IdRange {
  const [, containerId = "", hostId = "", size = "1"] = /^(\d+):(\d+)(?::(\d+))?$/.exec(text) ?? [];
  const range = { containerId: Number(containerId), hostId: Number(hostId), size: Number(size) };
  if (containerId === "")
    throw misread(flag, text, "expected CONTAINER:HOST:SIZE, three numbers", "For instance 0:100000:65536");
  if (range.size === 0 || range.containerId + range.size - 1 > most || range.hostId + range.size - 1 > most)
    throw misread(flag, text, "ids are 0 to 4294967295, and a range has at least one");
  return range;
}
