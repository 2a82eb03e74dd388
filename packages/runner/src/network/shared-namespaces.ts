import { readFile, statfs } from "node:fs/promises";
import type { Options } from "@lading/oci";
import type { ContainerPlan } from "../container-plan.ts";
import { RunnerError } from "../errors.ts";
import type { NamespaceKind } from "../isolation/isolation.ts";
import type { IdRange } from "../run-spec.ts";
import type { IdMaps } from "../spec/namespaces.ts";
import type { TaskRequest } from "../supervisor/task.ts";

/** A container whose namespaces another one joins. */
export interface SharedContainer {
  readonly id: string;
  readonly name: string;
  /** Its program, in the host's numbers; undefined when it does not run. */
  readonly pid: number | undefined;
  /** Its /etc/hosts and /etc/resolv.conf on the host, as far as it has them; see `filesIn`. */
  readonly files: TaskRequest["files"];
}

/** Finds a container of any engine by ID or name. Throws RunnerError NOT_FOUND. */
export type FindContainer = (idOrName: string, options?: Options) => Promise<SharedContainer>;

export interface SharedNamespaces {
  /** The file of each namespace that is another's. */
  readonly joined: Readonly<Partial<Record<NamespaceKind, string>>>;
  /** Whose network it is. */
  readonly network: SharedContainer | undefined;
}

const kinds = { network: "net", pid: "pid", ipc: "ipc", uts: "uts" } as const;
const nsfsMagic = 0x6e73_6673;

/**
 * Finds the files of the namespaces that a plan takes from other containers or from paths; with a
 * network, also of the user namespace that owns it, where `ids` are the same in there. Throws RunnerError NOT_FOUND; STATE when the other container does not run; SPEC for a path that is no namespace.
 */
export async function sharedNamespaces(
  { namespaces }: Pick<ContainerPlan, "namespaces">,
  find: FindContainer,
  { ids, ...options }: Options & { readonly ids?: IdMaps | undefined } = {},
): Promise<SharedNamespaces> {
  const joined: Partial<Record<NamespaceKind, string>> = {};
  let network: SharedContainer | undefined;
  for (const name of ["network", "pid", "ipc", "uts"] as const) {
    const source = namespaces[name];
    const kind = kinds[name];
    if (typeof source === "string") continue;
    if ("path" in source) {
      await mustBeNamespace(source.path, name);
      joined[kind] = source.path;
      continue;
    }
    const other = await find(source.container, options);
    if (other.pid === undefined)
      throw new RunnerError("STATE", `Cannot join the ${name} namespace of "${source.container}": it does not run`);
    joined[kind] = `/proc/${other.pid}/ns/${kind}`;
    if (name !== "network") continue;
    network = other;
    // In another one, `exec` of runc 1.1 may not join the network again.
    if (ids !== undefined && (await hasIds(other.pid, ids))) joined.user = `/proc/${other.pid}/ns/user`;
  }
  return { joined, network };
}

async function hasIds(pid: number, { uidMap, gidMap }: IdMaps): Promise<boolean> {
  const [uids, gids] = await Promise.all(
    ["uid_map", "gid_map"].map((name) => readFile(`/proc/${pid}/${name}`, "utf8")),
  );
  return isMap(uids, uidMap) && isMap(gids, gidMap);
}

function isMap(text: string | undefined, ranges: readonly IdRange[]): boolean {
  const wanted = ranges.map(({ containerId, hostId, size }) => `${containerId} ${hostId} ${size}`);
  return text?.trim().replaceAll(/ +/g, " ").replaceAll("\n ", "\n") === wanted.join("\n");
}

/** Throws RunnerError SPEC for a file that is none. */
export async function mustBeNamespace(path: string, name: string): Promise<void> {
  let type: number;
  try {
    ({ type } = await statfs(path));
  } catch (cause) {
    throw new RunnerError("SPEC", `Cannot join the ${name} namespace at "${path}": it is not there`, { cause });
  }
  if (type !== nsfsMagic)
    throw new RunnerError("SPEC", `Cannot join the ${name} namespace at "${path}": the file is no namespace`);
}
