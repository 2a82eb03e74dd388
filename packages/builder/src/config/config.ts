import { posix } from "node:path";
import type { ContainerConfig, History, ImageConfig, Platform } from "@lading/oci";
import { splitCommand } from "./command-line.ts";
import { BuildError } from "../errors.ts";
import { expandVariables } from "./expand.ts";
import { toHealthcheck } from "./healthcheck.ts";
import { parsePort, parseStopSignal } from "./ports-and-signals.ts";
import type { BuildSpec } from "../spec.ts";

/** What a build makes of its base's config. */
export interface ConfigChange {
  readonly spec: BuildSpec;
  /** Absent FROM scratch. `layers` is how many it has. */
  readonly base?: (Omit<ImageConfig, "rootfs"> & { readonly layers: number }) | undefined;
  readonly platform: Platform;
  /** RFC 3339. */
  readonly created: string;
  /** Names of the layers that come on top. */
  readonly layers: readonly string[];
  readonly onWarning?: ((message: string) => void) | undefined;
}

/**
 * The config of the image that is built; `rootfs` comes with the layers. Whatever the description
 * does not change stays as the base has it, fields nobody knows included. Throws BuildError SPEC.
 */
export function applyConfig(change: ConfigChange): Omit<ImageConfig, "rootfs"> {
  const { spec, base, platform, created, layers } = change;
  const { layers: below, history, config, ...kept } = base ?? { ...platform, layers: 0, history: [], config: {} };
  return {
    ...kept,
    created,
    ...(spec.author === undefined ? {} : { author: spec.author }),
    config: applyContainer(config ?? {}, change),
    history: [...fillHistory(history ?? [], below), ...newHistory(layers, created)],
  };
}

/** Whether a description says anything of the config. */
export function changesConfig({
  author,
  entrypoint,
  cmd,
  env,
  labels,
  user,
  workdir,
  expose,
  volumes,
  stopSignal,
  healthcheck,
}: BuildSpec): boolean {
  const all = [author, entrypoint, cmd, env, labels, user, workdir, expose, volumes, stopSignal, healthcheck];
  return all.some((value) => value !== undefined);
}

function applyContainer(base: ContainerConfig, { spec, onWarning }: ConfigChange): ContainerConfig {
  const entrypoint = readArgv("entrypoint", spec.entrypoint);
  const cmd = readArgv("cmd", spec.cmd);
  const { Entrypoint, Cmd, ...kept } = base;
  return {
    ...kept,
    ...(spec.env === undefined ? {} : { Env: applyEnv(base.Env ?? [], spec.env, onWarning) }),
    ...argv("Entrypoint", entrypoint ?? Entrypoint),
    // The base's arguments mean nothing to another entrypoint: as docker has it.
    ...argv("Cmd", cmd ?? (entrypoint === undefined ? Cmd : undefined)),
    ...(spec.labels === undefined ? {} : { Labels: { ...base.Labels, ...checkKeys("labels", spec.labels) } }),
    ...(spec.user === undefined ? {} : { User: checkUser(spec.user) }),
    ...(spec.workdir === undefined ? {} : { WorkingDir: applyWorkdir(base.WorkingDir, spec.workdir) }),
    ...(spec.expose === undefined
      ? {}
      : { ExposedPorts: { ...base.ExposedPorts, ...keys(spec.expose.flatMap(parsePort)) } }),
    ...(spec.volumes === undefined ? {} : { Volumes: { ...base.Volumes, ...keys(spec.volumes.map(checkVolume)) } }),
    ...(spec.stopSignal === undefined ? {} : { StopSignal: parseStopSignal(spec.stopSignal) }),
    ...(spec.healthcheck === undefined ? {} : { Healthcheck: toHealthcheck(spec.healthcheck) }),
  };
}

/** A list is taken as it is; an empty one means none. */
function readArgv(name: string, value: string | readonly string[] | undefined): readonly string[] | undefined {
  const words = typeof value === "string" ? splitCommand(value) : value;
  if (words?.[0] === "") throw new BuildError("SPEC", `Cannot set ${name}: its first word is empty`);
  if (words?.some((word) => word.includes("\0")) === true)
    throw new BuildError("SPEC", `Cannot set ${name}: a word holds a NUL`);
  return words;
}

function argv(key: "Entrypoint" | "Cmd", words: readonly string[] | undefined): ContainerConfig {
  return words === undefined || words.length === 0 ? {} : { [key]: words };
}

/**
 * The base's variables in their order, changed in place; new ones after them. FROM scratch nothing
 * is added: engines set PATH themselves where an image does not.
 */
function applyEnv(
  base: readonly string[],
  env: Readonly<Record<string, string>>,
  onWarning: (message: string) => void = () => {},
): string[] {
  const before = new Map(base.map(splitVariable));
  const expanded = new Map<string, string>();
  for (const [name, value] of Object.entries(env)) {
    if (value.includes("\0")) throw new BuildError("SPEC", `Cannot set env ${name}: the value holds a NUL`);
    const text = expandVariables(value, before, (missing) =>
      onWarning(`env ${name} uses $${missing}, which the base does not set: it becomes empty (write $$ for a dollar)`),
    );
    expanded.set(name, text);
  }
  const after: string[] = [];
  for (const variable of base) {
    const [name] = splitVariable(variable);
    const value = expanded.get(name);
    if (value !== undefined) after.push(`${name}=${value}`);
    // A name that the base has twice is set once.
    else if (!Object.hasOwn(env, name)) after.push(variable);
    expanded.delete(name);
  }
  for (const [name, value] of expanded) after.push(`${name}=${value}`);
  return after;
}

function splitVariable(variable: string): [string, string] {
  const equals = variable.indexOf("=");
  return equals === -1 ? [variable, ""] : [variable.slice(0, equals), variable.slice(equals + 1)];
}

function applyWorkdir(base: string | undefined, workdir: string): string {
  if (workdir === "" || workdir.includes("\0"))
    throw new BuildError("SPEC", `Cannot set workdir "${workdir}": expected a path in the image`);
  return posix.resolve("/", base ?? "", workdir);
}

// Engines read larger numbers as smaller ones, of which one is root (CVE-2024-40635).
const maxUser = 2 ** 31 - 1;

function checkUser(user: string): string {
  if (/^[^\s:-][^\s:]*(?::[^\s:-][^\s:]*)?$/.test(user)) {
    if (user.split(":").every((part) => !/^\d+$/.test(part) || Number(part) <= maxUser)) return user;
    throw new BuildError("SPEC", `Cannot set user "${user}": numbers end at ${maxUser}`);
  }
  throw new BuildError("SPEC", `Cannot set user "${user}": expected "user", "user:group" or numbers`);
}

function checkVolume(path: string): string {
  if (path.startsWith("/") && !path.includes("\0")) return posix.normalize(path);
  throw new BuildError("SPEC", `Cannot set volume "${path}": expected an absolute path in the image`);
}

function checkKeys(what: string, map: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  if (Object.hasOwn(map, "")) throw new BuildError("SPEC", `Cannot set ${what}: a name is empty`);
  return map;
}

function keys(names: readonly string[]): Record<string, object> {
  return Object.fromEntries(names.map((name) => [name, {}]));
}

/** The base's history with one entry for each of its layers, as the image-spec wants: where they differ, the end is mended. */
function fillHistory(history: readonly History[], layers: number): History[] {
  const filled = [...history];
  let count = filled.filter(({ empty_layer: empty }) => empty !== true).length;
  for (; count < layers; count++) filled.push({ comment: "not in the base's history" });
  for (let at = filled.length - 1; count > layers && at >= 0; at--) {
    const entry = filled[at];
    if (entry === undefined || entry.empty_layer === true) continue;
    filled[at] = { ...entry, empty_layer: true };
    count--;
  }
  return filled;
}

/** Without a version: another release of this tool must not change the digest. */
function newHistory(layers: readonly string[], created: string): History[] {
  const entry = { created, created_by: "lading build" };
  return layers.length === 0 ? [{ ...entry, empty_layer: true }] : layers.map((comment) => ({ ...entry, comment }));
}
