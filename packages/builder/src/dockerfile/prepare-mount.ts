import { createHash } from "node:crypto";
import { join } from "node:path";
import type { Layer, Platform } from "@lading/oci";
import type { Base } from "../base/base.ts";
import type { DockerfileRequest } from "./dockerfile-request.ts";
import { MountFields } from "./mount-fields.ts";
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

/** Reads `--mount=…` and looks up what it is made of; undefined for what nobody gives or requires. Throws BuildError. */
export async function prepareMount(text: string, sources: MountSources): Promise<PreparedMount | undefined> {
  const fields = new MountFields(text);
  if (fields.type === "bind") return await bindMount(fields, sources);
  if (fields.type === "cache") return cacheMount(fields, sources);
  if (fields.type === "secret") return secretMount(fields, sources);
  if (fields.type === "ssh") return agentMount(fields, sources);
  const size = fields.size();
  const mount = { target: fields.target(sources.workdir), type: fields.type, ...(size === undefined ? {} : { size }) };
  return { mount, key: mount };
}

async function bindMount(fields: MountFields, sources: MountSources): Promise<PreparedMount> {
  const isGiven = fields.text("ro", "readonly") !== undefined;
  const readOnly = isGiven ? fields.isSet("ro", "readonly") : !fields.isSet("rw", "readwrite");
  const target = fields.target(sources.workdir);
  const { base, layers, path, key } = await sources.files(
    fields.text("from") || undefined,
    fields.text("source", "src") ?? "/",
  );
  return {
    mount: { target, type: "bind", source: { files: { base: base?.image, layers }, path }, readOnly },
    key: { type: "bind", target, source: path, key },
  };
}

function cacheMount(fields: MountFields, { cacheDir, workdir }: MountSources): PreparedMount {
  const target = fields.target(workdir);
  const id = fields.text("id") ?? target;
  const sharing = fields.text("sharing") ?? "shared";
  if (!["shared", "private", "locked"].includes(sharing))
    throw fields.wrong(`sharing=${sharing} is not known`, "Write shared, private or locked");
  const source = join(cacheDir, "mounts", createHash("sha256").update(id).digest("hex").slice(0, 32));
  const readOnly = fields.isSet("ro", "readonly");
  const mount = { target, type: "cache", source, readOnly, ...fields.permissions(0o755) } as const;
  const key = { type: "cache", target, id };
  // What is private would begin empty beside a step that has it: to wait is as good, and keeps one folder.
  return sharing === "shared" ? { mount, key } : { mount, key, alone: source };
}

function secretMount(fields: MountFields, { secrets, workdir }: MountSources): PreparedMount | undefined {
  const id = fields.id();
  const target = fields.target(workdir, `/run/secrets/${id}`);
  const permissions = fields.permissions(0o400);
  const content = secrets?.[id];
  if (content === undefined && fields.isSet("required"))
    throw fields.wrong(`there is no secret "${id}"`, `Give it: --secret id=${id},src=FILE`);
  if (content === undefined) return undefined;
  // As docker has it: another secret is no other step.
  return { mount: { target, type: "secret", content, ...permissions }, key: { type: "secret", id, target } };
}

function agentMount(fields: MountFields, { ssh, workdir }: MountSources): PreparedMount | undefined {
  const id = fields.text("id") ?? "default";
  const target = fields.target(workdir, "/run/buildkit/ssh_agent.0");
  const permissions = fields.permissions(0o600);
  const source = ssh?.[id];
  if (source === undefined && fields.isSet("required"))
    throw fields.wrong(`there is no ssh agent "${id}"`, `Give it: --ssh ${id}`);
  if (source === undefined) return undefined;
  return { mount: { target, type: "ssh", source, ...permissions }, key: { type: "ssh", id, target } };
}
