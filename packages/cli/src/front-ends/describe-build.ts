import { readdir, stat } from "node:fs/promises";
import { basename, dirname, join, relative, resolve, sep } from "node:path";
import type { BuildSpec } from "@lading/builder";
import type { Options } from "@lading/oci";
import { isDescriptor, refuseSpecial, standardInput } from "../config/config-file.ts";
import { Flags } from "../flags.ts";
import { UsageError } from "../usage.ts";
import type { DescribeOptions, Description, FrontEnd } from "./front-end.ts";
import { dockerfile, frontEnds, refuseForeignFlags, usualFrontEnd } from "./front-ends.ts";

export interface WhatToBuild extends Options {
  /** A folder, or a file that is the whole of what there is to build (a jar, an executable). */
  readonly context: string;
  /** The file that describes the build. Default: what the context has. */
  readonly file?: string | undefined;
  /** Whether a project without a description is built in the way of its kind. Default: true. */
  readonly infer?: boolean | undefined;
  /** Whether files of Lading's own are looked for in the context. Default: true. */
  readonly own?: boolean | undefined;
  /** What sources of a file that stands alone are relative to, when it lies below. Default: the folder that it is in. */
  readonly around?: string | undefined;
  /** What the command line says of the image. Default: nothing. */
  readonly asked?: BuildSpec | undefined;
  /** Those of `frontEndOptions`. Default: none. */
  readonly flags?: Flags;
  /** Is told of each file that describes the build before it is read; absolute. */
  readonly onFile?: DescribeOptions["onFile"];
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
  own = true,
}: WhatToBuild): Promise<FoundDescription | undefined> {
  const named = file ?? ((await isRegularFile(context)) ? context : undefined);
  return named === undefined ? await findDescription(context, { infer, own }) : await findReader(named);
}

/** Finds what describes the build of a folder; undefined when nothing in it does. Throws UsageError. */
async function findDescription(
  folder: string,
  { infer, own }: { readonly infer: boolean; readonly own: boolean },
): Promise<FoundDescription | undefined> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((cause: unknown) => {
    throw new UsageError(`Cannot read context folder "${folder}"`, { cause });
  });
  // A folder may well be called dockerfile.
  const names = new Set(entries.filter((entry) => !entry.isDirectory()).map(({ name }) => name));
  for (const frontEnd of frontEnds) {
    if ((!frontEnd.describes && !infer) || (frontEnd === usualFrontEnd && !own)) continue;
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
  const { context, file, around, asked = {}, flags = new Flags({}), onFile, signal } = what;
  const isFile = file === undefined && (await isRegularFile(context));
  const folder = isFile ? dirname(context) : context;
  const found = await findDescribing(what);
  if (found === undefined) {
    refuseForeignFlags(flags, [], context);
    return undefined;
  }
  const { path, frontEnd } = found;
  const absolute = path === standardInput ? path : resolve(path);
  const isAround = isFile && frontEnd.standsAlone === true && around !== undefined && isBelow(around, absolute);
  const options = { context: resolve(isAround ? around : folder), shown: path, asked, flags, onFile, signal };
  if (path !== standardInput) onFile?.(absolute);
  const described = await frontEnd.describe(absolute, options);
  refuseForeignFlags(flags, described.dockerfile === undefined ? [frontEnd] : [frontEnd, dockerfile], path);
  return {
    ...described,
    kind: frontEnd.what,
    files: [...(path === standardInput ? [] : [absolute]), ...(described.files ?? [])],
    ...(frontEnd === usualFrontEnd ? { ownFile: absolute } : {}),
  };
}

function isBelow(folder: string, path: string): boolean {
  return relative(folder, path).split(sep)[0] !== "..";
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
