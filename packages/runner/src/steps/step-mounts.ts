import {
  chmodSync,
  chownSync,
  copyFileSync,
  mkdirSync,
  type Stats,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { Options } from "@lading/oci";
import { RunnerError } from "../errors.ts";
import { likeRoot, OverlayFolder } from "../runc/overlay-folder.ts";
import type { MountRequest } from "../run-spec.ts";
import { hasCode } from "../state/system-error.ts";
import { openAgentSocket } from "./agent-socket.ts";
import type { MountPoint } from "./mount-points.ts";
import { type Secret, secretsArchive } from "./secrets-archive.ts";
import type { SeenFiles } from "./seen-files.ts";
import type { StepMount } from "./step.ts";
import type { FilesOf } from "./step-files.ts";

/** The mounts of a step, ready to be made. Disposing of it closes sockets. */
export interface PreparedMounts extends AsyncDisposable {
  readonly requests: readonly MountRequest[];
  readonly points: readonly MountPoint[];
  readonly overlays: readonly OverlayFolder[];
  readonly secrets: Uint8Array | undefined;
}

export interface PrepareMountsOptions extends Options {
  /** The step's folder. */
  readonly folder: string;
  /** What the step sees. */
  readonly seen: SeenFiles;
  readonly files: FilesOf;
}

/** Throws RunnerError SPEC for sources that are not there. */
export async function prepareMounts(
  mounts: readonly StepMount[],
  options: PrepareMountsOptions,
): Promise<PreparedMounts> {
  await using sockets = new AsyncDisposableStack();
  const work: Work = { ...options, sockets, overlays: [], secrets: [] };
  mkdirSync(join(options.folder, "binds"), { mode: 0o700 });
  const placed: Placed[] = [];
  for (const [index, mount] of mounts.entries()) {
    const source = await sourceOf(mount, join(options.folder, "binds", String(index)), work);
    placed.push({ target: options.seen.resolve(mount.target), source });
  }
  const held = sockets.move();
  const { overlays, secrets } = work;
  return {
    requests: placed.map(requestOf),
    points: placed.map(({ target, source: { type } }) => ({ path: target, type })),
    overlays,
    secrets: secrets.length === 0 ? undefined : secretsArchive(secrets),
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

type Bind = Extract<StepMount, { readonly type: "bind" }>;
type OtherFiles = Exclude<Bind["source"], string>;

interface Work extends PrepareMountsOptions {
  readonly sockets: AsyncDisposableStack;
  readonly overlays: OverlayFolder[];
  readonly secrets: Secret[];
}

type Source = { readonly type: MountPoint["type"] } & (
  | { readonly path: string; readonly readonly: boolean }
  | { readonly path: undefined; readonly size: number | undefined }
);

interface Placed {
  /** Resolved. */
  readonly target: string;
  readonly source: Source;
}

/** @param at - Where something may be made for it. */
async function sourceOf(mount: StepMount, at: string, work: Work): Promise<Source> {
  if (mount.type === "tmpfs") return { type: "directory", path: undefined, size: mount.size };
  if (mount.type === "cache") {
    keepFolder(mount);
    return { type: "directory", path: mount.source, readonly: mount.readOnly };
  }
  if (mount.type === "secret") {
    const path = join(work.folder, "secrets", String(work.secrets.push(mount) - 1));
    // What is mounted over it is not there yet. Until then this says that it is a file.
    writeFileSync(path, "");
    return { type: "file", path, readonly: true };
  }
  if (mount.type === "ssh") {
    work.sockets.use(await openAgentSocket(at, mount));
    return { type: "file", path: at, readonly: false };
  }
  return typeof mount.source === "string"
    ? ofMachine(mount, mount.source, at, work)
    : await ofFiles(mount, mount.source, at, work);
}

function keepFolder({ source, mode, uid, gid }: Extract<StepMount, { readonly type: "cache" }>): void {
  // Who made it says whose it is; another step may be about to.
  if (mkdirSync(source, { recursive: true }) !== undefined) {
    chownSync(source, uid, gid);
    chmodSync(source, mode);
  }
  // What was not used for longest is taken away first.
  const now = new Date();
  utimesSync(source, now, now);
}

function ofMachine({ readOnly, target }: Bind, source: string, at: string, { overlays }: Work): Source {
  const type = typeOf(statSync(source, { throwIfNoEntry: false }), source, target);
  if (readOnly) return { type, path: source, readonly: true };
  if (type === "file") {
    copyFileSync(source, at);
    return { type, path: at, readonly: false };
  }
  const overlay = OverlayFolder.make(at, [source]);
  try {
    likeRoot(overlay.upper, { root: source });
  } catch (error) {
    // In a user namespace its owner may have no number.
    if (!hasCode(error, "EINVAL", "EPERM")) throw error;
    chmodSync(overlay.upper, statSync(source).mode & 0o7777);
  }
  overlays.push(overlay);
  return { type, path: overlay.root, readonly: false };
}

async function ofFiles(
  { readOnly, target }: Bind,
  { files: other, path }: OtherFiles,
  at: string,
  { files, overlays, signal }: Work,
): Promise<Source> {
  const lower = await files.lower(other, { signal });
  const overlay = OverlayFolder.make(at, lower.folders);
  likeRoot(overlay.upper, lower);
  const look = (view: SeenFiles): Source => {
    const found = view.resolve(path);
    const type = typeOf(view.stat(found), path, target);
    if (type === "directory") {
      overlays.push(overlay);
      return { type, path: join(overlay.root, found), readonly: readOnly };
    }
    const file = join(at, "file");
    view.copy(found, file);
    return { type, path: file, readonly: readOnly };
  };
  return await files.see(overlay, look, { signal });
}

function requestOf({ target, source }: Placed): MountRequest {
  return source.path === undefined
    ? { type: "tmpfs", destination: target, size: source.size, options: ["exec"] }
    : { type: "bind", destination: target, source: source.path, readonly: source.readonly };
}

function typeOf(stat: Stats | undefined, source: string, target: string): MountPoint["type"] {
  if (stat === undefined)
    throw new RunnerError("SPEC", `Cannot mount "${source}" at "${target}": there is no such file`);
  return stat.isDirectory() ? "directory" : "file";
}
