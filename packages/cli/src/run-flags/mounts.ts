import { resolve } from "node:path";
import type { BindMount, MountRequest, TmpfsMount } from "@lading/runner";
import { parseBytes } from "./amounts.ts";
import { known, misread } from "./misread.ts";
import { nearest } from "../usage.ts";

/** What relative paths are relative to, and whether this machine labels files. */
export interface MountContext {
  readonly folder: string;
  /** Whether SELinux is enforced or permissive here; without it, docker's z and Z ask for nothing. */
  readonly selinux: boolean;
}

type Propagation = NonNullable<BindMount["propagation"]>;
const propagations: readonly Propagation[] = ["private", "rprivate", "slave", "rslave", "shared", "rshared"];

/**
 * `SOURCE:DESTINATION[:OPTIONS]`, as docker's and podman's `--volume`: a source that begins with `/`
 * or `.` is a path of the host, any other the name of a volume. Throws UsageError.
 */
export function parseVolume(text: string, context: MountContext): MountRequest {
  const flag = "volume";
  const parts = text.split(":");
  const [source = "", destination, options = ""] = parts;
  if (destination === undefined)
    throw source.startsWith("/")
      ? misread(
          flag,
          text,
          "a volume needs a name",
          `To keep what is written there: NAME:${text}; in memory: --tmpfs ${text}; else it goes with the container anyway`,
        )
      : misread(flag, text, "expected SOURCE:DESTINATION[:OPTIONS]", `For instance ./data:/data:ro`);
  if (parts.length > 3)
    throw misread(flag, text, "expected SOURCE:DESTINATION[:OPTIONS]", "A path with a colon needs --mount");
  const asked = volumeOptions(text, options, context);
  return requested({ flag, value: text }, source, absolute({ flag, value: text }, destination), asked, context);
}

interface Written {
  readonly flag: string;
  readonly value: string;
}

interface Asked {
  readonly readonly: boolean;
  readonly propagation: Propagation | undefined;
}

function requested(
  { flag, value }: Written,
  source: string,
  destination: string,
  { readonly, propagation }: Asked,
  { folder }: MountContext,
): MountRequest {
  if (/^[./]/.test(source))
    return {
      type: "bind",
      source: resolve(folder, source),
      destination,
      readonly,
      propagation,
    };
  if (source.startsWith("~"))
    throw misread(
      flag,
      value,
      `"~" is the shell's, which did not see it here`,
      `Write $HOME${source.slice(1)}:${destination}`,
    );
  checkVolumeName(flag, value, source);
  if (propagation !== undefined)
    throw misread(flag, value, `${propagation} is for folders of the host, and "${source}" is a volume`);
  return { type: "volume", name: source, destination, readonly };
}

function checkVolumeName(flag: string, value: string, name: string): void {
  if (/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(name)) return;
  throw misread(
    flag,
    value,
    `"${name}" is no name for a volume, expected letters, digits, _ . and -`,
    name.includes("/") ? `A path of this machine begins with / or ./, as in ./${name}` : undefined,
  );
}

// Docker's hints for macOS, and what is so anyway.
const meaningless = new Set(["", "rw", "rbind", "consistent", "cached", "delegated"]);
const relabelling = ["z", "Z"];
const impossible: Readonly<Record<string, string>> = {
  bind: "what is mounted below a folder comes along",
  U: "owners of the host's files stay as they are",
  O: "there are no overlays over folders of the host",
  nocopy: "a new volume begins with what the image has there",
  idmap: "ids are mapped for the whole container, with --userns",
  exec: "mounts of the host keep its options",
  noexec: "mounts of the host keep its options",
  dev: "mounts of the host keep its options",
  nodev: "mounts of the host keep its options",
  suid: "mounts of the host keep its options",
  nosuid: "mounts of the host keep its options",
};

function volumeOptions(text: string, options: string, context: MountContext): Asked {
  let readonly = false;
  let propagation: Propagation | undefined;
  for (const option of options.split(",")) {
    if (option === "ro") readonly = true;
    else if (propagations.some((each) => each === option))
      propagation = known({ flag: "volume", value: text, what: "option" }, option, propagations);
    else if (relabelling.includes(option)) refuseLabels({ flag: "volume", value: text }, context);
    else if (Object.hasOwn(impossible, option))
      throw misread("volume", text, `"${option}" cannot be had, ${impossible[option]}`);
    else if (!meaningless.has(option))
      known({ flag: "volume", value: text, what: "option" }, option, ["ro", "rw", ...propagations, ...relabelling]);
  }
  return { readonly, propagation };
}

function refuseLabels({ flag, value }: Written, { selinux }: MountContext): void {
  if (selinux)
    throw misread(
      flag,
      value,
      "this version does not label files for SELinux",
      "Label the folder yourself: chcon -Rt container_file_t FOLDER",
    );
}

function absolute({ flag, value }: Written, destination: string): string {
  if (destination.startsWith("/")) return destination;
  throw misread(flag, value, `"${destination}" is no place in a container, expected an absolute path`);
}

const mountKeys = [
  "type",
  "source",
  "destination",
  "readonly",
  "bind-propagation",
  "tmpfs-size",
  "tmpfs-mode",
  "relabel",
] as const;
type MountKey = (typeof mountKeys)[number];
const aliases: Readonly<Record<string, MountKey>> = {
  src: "source",
  dst: "destination",
  target: "destination",
  ro: "readonly",
};

/** `type=bind|volume|tmpfs,source=…,destination=…`, comma-separated values (RFC 4180), as docker's `--mount`. Throws UsageError. */
export function parseMount(text: string, context: MountContext): MountRequest {
  const written = { flag: "mount", value: text };
  const fields = new Map<MountKey, string | undefined>();
  for (const field of commaSeparated(text)) {
    const equals = field.indexOf("=");
    const name = (equals === -1 ? field : field.slice(0, equals)).trim().toLowerCase();
    const key = aliases[name] ?? known({ ...written, what: "key" }, name, mountKeys);
    const value = equals === -1 ? undefined : field.slice(equals + 1);
    if (value === undefined && key !== "readonly") throw misread("mount", text, `"${name}" needs a value`);
    fields.set(key, value);
  }
  const type = known({ ...written, what: "type" }, fields.get("type") ?? "volume", ["bind", "volume", "tmpfs"]);
  const destination = absolute(written, fields.get("destination") ?? "");
  const readonly = fields.has("readonly") && switchedOn(written, fields.get("readonly") ?? "true");
  for (const [key, only] of [
    ["bind-propagation", "bind"],
    ["relabel", "bind"],
    ["tmpfs-size", "tmpfs"],
    ["tmpfs-mode", "tmpfs"],
  ] as const)
    if (fields.has(key) && type !== only) throw misread("mount", text, `"${key}" is for type=${only}`);
  const source = fields.get("source");
  if (type === "tmpfs") {
    if (source !== undefined) throw misread("mount", text, "a tmpfs has no source");
    const mode = fields.get("tmpfs-mode");
    const size = fields.get("tmpfs-size");
    return {
      type,
      destination,
      size: size === undefined ? undefined : parseBytes("mount", size),
      mode: mode === undefined ? undefined : parseMode(written, mode),
      options: readonly ? ["ro"] : undefined,
    };
  }
  if (source === undefined)
    throw misread("mount", text, `type=${type} needs a source, ${type === "bind" ? "a path" : "the volume's name"}`);
  if (type === "volume") {
    checkVolumeName("mount", text, source);
    return { type, name: source, destination, readonly };
  }
  if (fields.has("relabel")) refuseLabels(written, context);
  const given = fields.get("bind-propagation");
  return {
    type,
    source: resolve(context.folder, source),
    destination,
    readonly,
    propagation: given === undefined ? undefined : known({ ...written, what: "propagation" }, given, propagations),
  };
}

/** The fields of a line of comma-separated values; a field in double quotes may hold commas. */
function commaSeparated(text: string): readonly string[] {
  return [...text.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(([, quoted, plain = ""]) =>
    quoted === undefined ? plain : quoted.replaceAll('""', '"'),
  );
}

function switchedOn({ flag, value }: Written, text: string): boolean {
  if (["true", "1", "t"].includes(text.toLowerCase())) return true;
  if (["false", "0", "f"].includes(text.toLowerCase())) return false;
  throw misread(flag, value, `"${text}" is neither true nor false`);
}

function parseMode({ flag, value }: Written, text: string): number {
  if (/^[0-7]{1,5}$/.test(text)) return Number.parseInt(text, 8);
  throw misread(flag, value, `"${text}" is no mode, expected octal digits such as 1777`);
}

const tmpfsFlags =
  "ro rw exec noexec suid nosuid dev nodev sync async atime noatime diratime nodiratime relatime strictatime".split(
    " ",
  );
const tmpfsValues = ["size", "mode", "uid", "gid", "nr_inodes", "nr_blocks", "huge"];

/** `PATH[:OPTIONS]`, as docker's `--tmpfs`; options as in tmpfs(5). Throws UsageError. */
export function parseTmpfs(text: string): TmpfsMount {
  const written = { flag: "tmpfs", value: text };
  const [path = "", optionText = "", ...more] = text.split(":");
  if (more.length > 0) throw misread("tmpfs", text, "expected PATH[:OPTIONS]", "For instance /tmp:size=64m,mode=1777");
  let size: number | undefined;
  let mode: number | undefined;
  const options: string[] = [];
  for (const option of optionText.split(",").filter((each) => each !== "")) {
    const [name = "", value] = option.split("=");
    if (value === undefined ? tmpfsFlags.includes(name) : tmpfsValues.includes(name)) {
      // A part of the memory, which the kernel works out.
      if (name === "size" && value?.endsWith("%") !== true) size = parseBytes("tmpfs", value ?? "");
      else if (name === "mode") mode = parseMode(written, value ?? "");
      else options.push(option);
      continue;
    }
    const meant = nearest(name, [...tmpfsFlags, ...tmpfsValues]);
    throw misread("tmpfs", text, `"${option}" is no option of a tmpfs`, meant && `Did you mean ${meant}?`);
  }
  return {
    type: "tmpfs",
    destination: absolute(written, path),
    size,
    mode,
    options: options.length === 0 ? undefined : options,
  };
}
