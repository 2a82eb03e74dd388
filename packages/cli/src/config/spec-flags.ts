import type { BuildSpec } from "@lading/builder";
import type { Options } from "yargs";
import { ConfigError } from "./config-error.ts";
import { parseSpec } from "./config-issues.ts";
import type { Flags } from "../flags.ts";
import { parsePlatformArgument } from "../open-platform.ts";
import { UsageError } from "../usage.ts";

const group = "What is in the image:";
const text = (describe: string, alias?: string): Options => ({
  describe,
  group,
  type: "string",
  requiresArg: true,
  ...(alias === undefined ? {} : { alias }),
});
const list = (describe: string, alias?: string): Options => ({ ...text(describe, alias), array: true });

/** The flags that say what an image is; the same words as in lading.yaml. */
export const specOptions: Readonly<Record<string, Options>> = {
  from: text("base image: a place, or scratch"),
  platform: list("os/arch[/variant], comma-separated or repeated"),
  add: list("SRC:DEST, a file or the contents of a folder"),
  unpack: list("ARCHIVE:DEST, the contents of a tar (gzip, bzip2, xz, zstd) or zip"),
  "ignore-file": text("ignore file below the context"),
  "allow-secret": list("pattern of files that look secret and are meant"),
  compression: text("gzip|zstd|none[:LEVEL]"),
  entrypoint: text("JSON array or shell-quoted string"),
  cmd: text("JSON array or shell-quoted string"),
  env: list("NAME=VALUE, or NAME to take it from here", "e"),
  label: list("NAME=VALUE", "l"),
  annotation: list("NAME=VALUE, on manifests and index"),
  user: text("user[:group]", "u"),
  workdir: text("working directory", "w"),
  expose: list("PORT[/PROTOCOL]"),
  volume: list("path kept outside the container"),
  "stop-signal": text("signal that stops the program"),
  healthcheck: text("none, a command, or a JSON object as in lading.yaml"),
  created: text("now, seconds since 1970, or RFC 3339"),
  author: text("who made the image"),
};

/** What the flags ask for; keys that no flag speaks of are absent. Throws UsageError. */
export async function specFromFlags(flags: Flags, env: NodeJS.ProcessEnv = process.env): Promise<BuildSpec> {
  const add = [
    ...flags.list("add").map((value) => addition("add", value)),
    ...flags.list("unpack").map((value) => Object.assign(addition("unpack", value), { unpack: true })),
  ];
  const platforms = flags.list("platform").flatMap((value) => value.split(","));
  platforms.forEach(parsePlatformArgument);
  const values = {
    from: flags.text("from"),
    platforms: filled(platforms),
    layers: add.length === 0 ? undefined : [{ name: "add", add }],
    ignoreFile: flags.text("ignore-file"),
    allowSecrets: filled(flags.list("allow-secret")),
    compression: flags.text("compression"),
    entrypoint: command(flags, "entrypoint"),
    cmd: command(flags, "cmd"),
    env: environment(flags.list("env"), env),
    labels: pairs("label", flags.list("label")),
    annotations: pairs("annotation", flags.list("annotation")),
    user: flags.text("user"),
    workdir: flags.text("workdir"),
    expose: filled(flags.list("expose")),
    volumes: filled(flags.list("volume")),
    stopSignal: flags.text("stop-signal"),
    healthcheck: healthcheck(flags),
    created: created(flags.text("created")),
    author: flags.text("author"),
  };
  const given = Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
  if (isPlain(given)) return given;
  try {
    return await parseSpec(given);
  } catch (error) {
    const issue = error instanceof ConfigError ? error.issues[0] : undefined;
    if (issue === undefined) throw error;
    const message = issue.message.replace(
      /^[a-z][A-Za-z]*(?=[:.[])/,
      (key) => `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
    );
    throw new UsageError(message, { hint: issue.hint });
  }
}

// Of these the description takes any text, or texts, and as they are: its schema need not be loaded.
const plain: ReadonlySet<string> = new Set(["from", "platforms", "entrypoint", "cmd", "user", "workdir", "author"]);

function isPlain(given: Readonly<Record<string, unknown>>): given is BuildSpec {
  return Object.keys(given).every((key) => plain.has(key));
}

/**
 * Flags laid over a file's description: single values replace, maps merge, layers, ports and
 * volumes are added; platforms replace.
 */
export function mergeSpecs(file: BuildSpec, flags: BuildSpec): BuildSpec {
  const layers = [...(file.layers ?? []), ...(flags.layers ?? [])];
  const lists = {
    allowSecrets: [...(file.allowSecrets ?? []), ...(flags.allowSecrets ?? [])],
    expose: [...(file.expose ?? []), ...(flags.expose ?? [])],
    volumes: [...(file.volumes ?? []), ...(flags.volumes ?? [])],
  };
  const merged: BuildSpec = { ...file, ...flags };
  // A command-line command belongs to a command-line entrypoint; the file's belongs to the file's.
  if (flags.entrypoint !== undefined && flags.cmd === undefined) delete merged.cmd;
  return {
    ...merged,
    ...(layers.length === 0 ? {} : { layers }),
    ...Object.fromEntries(Object.entries(lists).filter(([, list]) => list.length > 0)),
    ...(file.env === undefined && flags.env === undefined ? {} : { env: { ...file.env, ...flags.env } }),
    ...(file.labels === undefined && flags.labels === undefined ? {} : { labels: { ...file.labels, ...flags.labels } }),
    ...(file.annotations === undefined && flags.annotations === undefined
      ? {}
      : { annotations: { ...file.annotations, ...flags.annotations } }),
  };
}

// The last colon before an absolute destination, else the last colon: either side may hold others.
function addition(flag: string, value: string): { src: string; dest: string } {
  const absolute = value.indexOf(":/");
  const colon = absolute > 0 ? absolute : value.lastIndexOf(":");
  const src = value.slice(0, Math.max(colon, 0));
  const dest = value.slice(colon + 1);
  if (src === "" || dest === "")
    throw new UsageError(`Cannot read --${flag} "${value}": expected SRC:DEST`, {
      hint: `For instance --${flag} ${flag === "add" ? "dist:/app" : "rootfs.tar.xz:/"}`,
    });
  return { src, dest };
}

function command(flags: Flags, name: string): string | string[] | undefined {
  const value = flags.text(name);
  if (value === undefined || !value.trimStart().startsWith("[")) return value;
  const list = json(name, value);
  if (Array.isArray(list) && list.every((item) => typeof item === "string")) return list;
  throw new UsageError(`Cannot read --${name} ${JSON.stringify(value)}: expected a JSON array of strings`);
}

// The description's schema checks what a JSON object holds.
function healthcheck(flags: Flags): unknown {
  const value = flags.text("healthcheck");
  if (value === undefined) return undefined;
  if (value.toLowerCase() === "none") return "none";
  return value.trimStart().startsWith("{") ? json("healthcheck", value) : { test: command(flags, "healthcheck") };
}

function json(flag: string, value: string): unknown {
  try {
    return JSON.parse(value);
  } catch (error) {
    throw new UsageError(`Cannot read --${flag} ${JSON.stringify(value)}: it is not valid JSON`, { cause: error });
  }
}

function environment(values: readonly string[], env: NodeJS.ProcessEnv): Record<string, string> | undefined {
  return record(
    values.map((value) => {
      const equals = value.indexOf("=");
      if (equals > 0) return [value.slice(0, equals), value.slice(equals + 1)];
      const here = equals === -1 ? env[value] : undefined;
      // What stands in our environment is meant as it is, `$` and all.
      if (here !== undefined) return [value, here.replaceAll("$", "$$$$")];
      throw new UsageError(
        `Cannot read --env "${value}": expected NAME=VALUE, or the name of a variable that is set here`,
      );
    }),
  );
}

function pairs(flag: string, values: readonly string[]): Record<string, string> | undefined {
  return record(
    values.map((value) => {
      const equals = value.indexOf("=");
      if (equals <= 0) throw new UsageError(`Cannot read --${flag} "${value}": expected NAME=VALUE`);
      return [value.slice(0, equals), value.slice(equals + 1)];
    }),
  );
}

function record(entries: [string, string][]): Record<string, string> | undefined {
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}

function filled(values: readonly string[]): string[] | undefined {
  return values.length === 0 ? undefined : [...values];
}

function created(value: string | undefined): string | number | undefined {
  return value !== undefined && /^-?\d+$/.test(value) ? Number(value) : value;
}
