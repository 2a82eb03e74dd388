import { createHash } from "node:crypto";
import { mkdirSync, utimesSync } from "node:fs";
import { join, posix } from "node:path";
import type { Layer, Platform } from "@lading/oci";
import type { Base } from "../base/base.ts";
import { BuildError } from "../errors.ts";
import type { DockerfileRequest } from "./dockerfile-request.ts";
import type { StepMount } from "./step-runner.ts";

/** A mount, and what of it tells one run from another. */
export interface PreparedMount {
  readonly mount: StepMount;
  readonly key: unknown;
  /** What no other step may have while this one runs. */
  readonly alone?: string;
}

/** Files to mount something of. */
export interface MountFiles {
  readonly base: Base | undefined;
  readonly layers: readonly Layer[];
  /** What to mount, absolute. */
  readonly path: string;
  readonly key: unknown;
}

/** What mounts of a step are made of. */
export interface MountSources {
  /** What `path` is in the files that `from` names, undefined for the context; and a key of them. */
  files(from: string | undefined, path: string): Promise<MountFiles>;
  readonly cacheDir: string;
  readonly workdir: string;
  readonly platform: Platform;
  readonly secrets: DockerfileRequest["secrets"];
  readonly ssh: DockerfileRequest["ssh"];
}

/** Reads `--mount=…` (docs.docker.com, "RUN --mount"). Throws BuildError SPEC. */
export async function prepareMount(text: string, sources: MountSources): Promise<PreparedMount | undefined> {
  const given = parseMount(text);
  const type = given.get("type") ?? "bind";
  const known = keysOf[type];
  if (known === undefined) throw wrong(text, `"${type}" is no type`, "Types are bind, cache, tmpfs, secret and ssh");
  const unknown = [...given.keys()].find((key) => key !== "type" && !known.includes(key));
  if (unknown !== undefined)
    throw wrong(text, `"${unknown}" means nothing here`, `type=${type} takes ${known.join(", ")}`);
  const option = (...names: string[]): string | undefined =>
    names.map((name) => given.get(name)).find((one) => one !== undefined);
  const target = option("target", "dst", "destination");
  const at = (fallback?: string): string => {
    const path = target ?? fallback;
    if (path === undefined) throw wrong(text, "it has no target", "Write target=/PATH");
    return posix.resolve("/", sources.workdir, path);
  };
  const number = (name: string, fallback: number, radix = 10): number => {
    const value = option(name);
    if (value === undefined) return fallback;
    const result = Number.parseInt(value, radix);
    if (!Number.isSafeInteger(result) || result < 0) throw wrong(text, `${name}=${value} is no number`);
    return result;
  };
  const isSet = (...names: string[]): boolean => ["", "true", "1"].includes(option(...names) ?? "no");

  if (type === "tmpfs") {
    const size = option("size") === undefined ? undefined : number("size", 0);
    const mount = { target: at(), type, ...(size === undefined ? {} : { size }) } as const;
    return { mount, key: mount };
  }
  if (type === "cache") {
    const path = at();
    const id = option("id") ?? path;
    const source = join(sources.cacheDir, "mounts", createHash("sha256").update(id).digest("hex").slice(0, 32));
    mkdirSync(source, { recursive: true, mode: 0o755 });
    // What is used stays longest.
    const now = new Date();
    utimesSync(source, now, now);
    const mount = { target: path, type, source, readOnly: isSet("ro", "readonly") } as const;
    const sharing = option("sharing") ?? "shared";
    if (!["shared", "private", "locked"].includes(sharing))
      throw wrong(text, `sharing=${sharing} is not known`, "Write shared, private or locked");
    const key = { type, target: path, id };
    // What is private would begin empty beside a step that has it: to wait is as good, and keeps one folder.
    return sharing === "shared" ? { mount, key } : { mount, key, alone: source };
  }
  if (type === "secret" || type === "ssh") {
    const id = option("id") ?? (type === "ssh" ? "default" : posix.basename(target ?? ""));
    const owner = { uid: number("uid", 0), gid: number("gid", 0) };
    if (type === "ssh") {
      const source = sources.ssh?.[id];
      if (source === undefined && isSet("required"))
        throw wrong(text, `there is no ssh agent "${id}"`, `Give it: --ssh ${id}`);
      if (source === undefined) return undefined;
      const mount = {
        target: at(`/run/buildkit/ssh_agent.0`),
        type,
        source,
        mode: number("mode", 0o600, 8),
        ...owner,
      } as const;
      return { mount, key: { type, id, target: mount.target } };
    }
    const content = sources.secrets?.[id];
    if (content === undefined && isSet("required"))
      throw wrong(text, `there is no secret "${id}"`, `Give it: --secret id=${id},src=FILE`);
    if (content === undefined) return undefined;
    const mount = {
      target: at(`/run/secrets/${id}`),
      type,
      content,
      mode: number("mode", 0o400, 8),
      ...owner,
    } as const;
    // As docker has it: another secret is no other step.
    return { mount, key: { type, id, target: mount.target } };
  }
  const readOnly = !isSet("rw", "readwrite");
  const source = option("source", "src") ?? "/";
  const from = option("from");
  const path = at();
  const { base, layers, path: found, key } = await sources.files(from, source);
  return {
    mount: { target: path, type: "bind", source: { files: { base: base?.image, layers }, path: found }, readOnly },
    key: { type, target: path, source: found, key },
  };
}

const keysOf: Readonly<Record<string, readonly string[]>> = {
  bind: ["target", "dst", "destination", "source", "src", "from", "rw", "readwrite", "ro", "readonly"],
  cache: ["target", "dst", "destination", "id", "ro", "readonly", "sharing", "mode", "uid", "gid"],
  tmpfs: ["target", "dst", "destination", "size"],
  secret: ["target", "dst", "destination", "id", "required", "mode", "uid", "gid"],
  ssh: ["target", "dst", "destination", "id", "required", "mode", "uid", "gid"],
};

function parseMount(text: string): ReadonlyMap<string, string> {
  return new Map(
    text.split(",").map((field) => {
      const equals = field.indexOf("=");
      return equals === -1
        ? [field.toLowerCase(), ""]
        : [field.slice(0, equals).toLowerCase(), field.slice(equals + 1)];
    }),
  );
}

function wrong(text: string, why: string, hint?: string): BuildError {
  return new BuildError("SPEC", `Cannot read --mount=${text}: ${why}`, hint === undefined ? {} : { hint });
}
