import { readdir, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import type { BuildSpec } from "@lading/builder";
import type { Options } from "@lading/oci";
import { isDescriptor, refuseSpecial, standardInput } from "../config/config-file.ts";
import { Flags } from "../flags.ts";
import { UsageError } from "../usage.ts";
import type { Description, FrontEnd } from "./front-end.ts";
import { dockerfile, frontEnds, refuseForeignFlags, usualFrontEnd } from "./front-ends.ts";

export interface WhatToBuild extends Options {
  /** A folder, or a file that is the whole of what there is to build (a jar, an executable). */
  readonly context: string;
  /** The file that describes the build. Default: what the context has. */
  readonly file?: string | undefined;
  /** Whether a project without a description is built in the way of its kind. Default: true. */
  readonly infer?: boolean | undefined;
  /** What the command line says of the image. Default: nothing. */
  readonly asked?: BuildSpec | undefined;
  /** Those of `frontEndOptions`. Default: none. */
  readonly flags?: Flags;
}

/** The file that describes a build, and who reads it. */
interface FoundDescription {
  readonly path: string;
  readonly frontEnd: FrontEnd;
}

/** The file that `describeBuild` reads, if there is one. Throws UsageError. */
export async function findDescribing({
  context,
  file,
  infer = true,
}: WhatToBuild): Promise<FoundDescription | undefined> {
  const named = file ?? ((await isRegularFile(context)) ? context : undefined);
  return named === undefined ? await findDescription(context, infer) : await findReader(named);
}

/** Finds what describes the build of a folder; undefined when nothing in it does. `infer` as in `WhatToBuild`. Throws UsageError. */
async function findDescription(folder: string, infer: boolean): Promise<FoundDescription | undefined> {
  let names: Set<string>;
  try {
    names = new Set(await readdir(folder));
  } catch (error) {
    throw new UsageError(`Cannot read context folder "${folder}"`, { cause: error });
  }
  for (const frontEnd of frontEnds) {
    if (!frontEnd.describes && !infer) continue;
    const name = frontEnd.names.find((one) => names.has(one));
    if (name !== undefined) return { path: join(folder, name), frontEnd };
  }
  return undefined;
}

/**
 * The description of what is to be built: the named file's, else the first that the context has; undefined
 * when it has none. Throws UsageError, ConfigError or BuildError.
 */
export async function describeBuild(what: WhatToBuild): Promise<Description | undefined> {
  const { context, file, asked = {}, flags = new Flags({}), signal } = what;
  const isFile = file === undefined && (await isRegularFile(context));
  const folder = isFile ? dirname(context) : context;
  const found = await findDescribing(what);
  refuseForeignFlags(flags, found?.frontEnd, found?.path ?? context);
  if (found === undefined) return undefined;
  const { path, frontEnd } = found;
  const absolute = path === standardInput ? path : resolve(path);
  const options = { context: resolve(folder), shown: path, asked, flags, signal };
  const described = await frontEnd.describe(absolute, options);
  return path === standardInput ? described : { ...described, file: absolute };
}

/** What a project that has no description is built as, and in words what it was taken for; undefined for none. */
export async function describeProject({
  context,
  signal,
}: WhatToBuild): Promise<(Description & { readonly kind: string }) | undefined> {
  const found = await findDescription(context, true);
  if (found === undefined || found.frontEnd.describes) return undefined;
  const { path, frontEnd } = found;
  const described = await frontEnd.describe(resolve(path), {
    context: resolve(context),
    shown: path,
    asked: {},
    flags: new Flags({}),
    signal,
  });
  return { ...described, kind: `the project of ${frontEnd.what}` };
}

/** Why a folder gives nothing to build. */
export function nothingToBuild(context: string): UsageError {
  const names = frontEnds.flatMap((one) => one.names);
  return new UsageError(`Cannot find a build description in "${context}": expected one of ${names.join(", ")}`, {
    hint: "Run `lading init` to start one, or name files with --add SRC:DEST",
  });
}

async function findReader(path: string): Promise<FoundDescription> {
  if (path === standardInput) return { path, frontEnd: dockerfile };
  await refuseSpecial(path, path);
  if (isDescriptor(path)) return { path, frontEnd: usualFrontEnd };
  for (const frontEnd of frontEnds.toReversed()) if (await frontEnd.owns(path)) return { path, frontEnd };
  const known = frontEnds.map(({ what }) => what).join(", ");
  throw new UsageError(`Cannot build from "${path}": no kind of file that is known here by "${basename(path)}"`, {
    hint: `What can be read: ${known}`,
  });
}

async function isRegularFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() === true;
}
