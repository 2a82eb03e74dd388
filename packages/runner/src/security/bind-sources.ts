import { readFile, realpath, stat } from "node:fs/promises";
import type { BigIntStats } from "node:fs";
import { RunnerError } from "../errors.ts";
import { parseMountInfo, visibleMounts } from "../host/mount-info.ts";
import { cleanPath, isWithin } from "../image/paths.ts";
import type { BindMount, MountRequest } from "../run-spec.ts";
import { dangerOf, knownSockets } from "./dangerous-paths.ts";

export interface BindSourceOptions {
  /** Default: false. */
  readonly allowDangerousMounts?: boolean | undefined;
  /** Sockets that hand over the host under any name. Default: those of engines and of systemd, where they usually are. */
  readonly sockets?: readonly string[] | undefined;
}

/**
 * The mounts with the sources of binds as they are on this machine, without symlinks: what was
 * looked at is what is mounted, whatever becomes of the links. Throws RunnerError SPEC for sources that
 * are not there, and those that would hand over the host, unless they are allowed.
 */
export async function resolveBindSources(
  mounts: readonly MountRequest[],
  { allowDangerousMounts = false, sockets = knownSockets }: BindSourceOptions = {},
): Promise<readonly MountRequest[]> {
  return await Promise.all(
    mounts.map(async (mount) => {
      if (mount.type !== "bind") return mount;
      // What it says comes first: a socket need not be there yet to be none of the container's business.
      if (!allowDangerousMounts) refuse(mount, named(mount.source), dangerOf(named(mount.source)));
      const source = await resolveSource(mount);
      if (!allowDangerousMounts) refuse(mount, source, dangerOf(source) ?? (await knownSocket(source, sockets)));
      await checkPropagation(mount, source);
      return { ...mount, source };
    }),
  );
}

async function resolveSource({ source }: BindMount): Promise<string> {
  if (!source.startsWith("/") || source.includes("\0"))
    throw new RunnerError("SPEC", `Cannot mount ${JSON.stringify(source)}: expected an absolute path`);
  try {
    return await realpath(source);
  } catch (cause) {
    if (!(cause instanceof Error && "code" in cause)) throw cause;
    const missing = cause.code === "ENOENT" || cause.code === "ENOTDIR";
    throw new RunnerError("SPEC", `Cannot mount "${source}": ${missing ? "it is not there" : cause.message}`, {
      cause,
      hint: missing ? "Other engines would make an empty folder there; if that is meant, make it first" : undefined,
    });
  }
}

function refuse({ source: asked }: BindMount, source: string, danger: string | undefined): void {
  if (danger === undefined) return;
  const leads = source === asked ? "" : ` (it leads to "${source}")`;
  throw new RunnerError("SPEC", `Cannot mount "${asked}"${leads}: ${danger}`, {
    hint: "If the container is to have that, say so: --allow-dangerous-mounts, allowDangerousMounts in the API",
  });
}

/** A path by what it says; /var/run is a symlink everywhere (FHS 3.0 §5.13). */
function named(path: string): string {
  return cleanPath(path).replace(/^\/var\/run(?=\/|$)/, "/run");
}

/** Another name of one of the sockets is no better. */
async function knownSocket(path: string, sockets: readonly string[]): Promise<string | undefined> {
  const found = await statOf(path);
  if (found?.isSocket() !== true) return undefined;
  for (const socket of sockets) {
    const known = await statOf(socket);
    if (known !== undefined && known.dev === found.dev && known.ino === found.ino) return `it is ${socket}`;
  }
  return undefined;
}

async function statOf(path: string): Promise<BigIntStats | undefined> {
  return await stat(path, { bigint: true }).catch(() => undefined);
}

/** Mounts go to and fro only where the host's own mount is shared (mount_namespaces(7)); else nothing would happen. */
async function checkPropagation({ source: asked, propagation = "rprivate" }: BindMount, source: string): Promise<void> {
  if (propagation.endsWith("private")) return;
  const mounts = visibleMounts(parseMountInfo(await readFile("/proc/self/mountinfo")));
  const below = mounts
    .filter(({ destination }) => isWithin(source, destination))
    .toSorted((a, b) => b.destination.length - a.destination.length);
  const peers = below[0]?.propagation ?? [];
  const slave = propagation.endsWith("slave");
  if (peers.some((each) => each.startsWith("shared:") || (slave && each.startsWith("master:")))) return;
  throw new RunnerError(
    "SPEC",
    `Cannot mount "${asked}" with propagation ${propagation}: "${below[0]?.destination ?? "/"}" is not a shared mount`,
    { hint: `mount --make-shared ${below[0]?.destination ?? "/"}` },
  );
}
