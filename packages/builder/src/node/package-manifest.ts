import { readFileSync } from "node:fs";
import { BuildError } from "../errors.ts";
import type { Conditions, PackageManifest } from "./lockfile.ts";
import { type Fields, isFields } from "../fields.ts";

/** Reads a package.json; undefined when there is none. Throws BuildError SPEC when it is no JSON object. */
export function readManifest(path: string): PackageManifest | undefined {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && (cause.code === "ENOENT" || cause.code === "ENOTDIR"))
      return undefined;
    throw new BuildError("SOURCE_UNREADABLE", `Cannot read "${path}"`, { cause });
  }
  return parseManifest(parseJson(text, path));
}

/** Throws BuildError SPEC for what is no JSON object. */
export function parseJson(text: string, path: string): Fields {
  let value: unknown;
  try {
    value = JSON.parse(text.replace(/^\uFEFF/, ""));
  } catch (cause) {
    throw new BuildError("SPEC", `Cannot read "${path}": ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
  if (!isFields(value)) throw new BuildError("SPEC", `Cannot read "${path}": expected a JSON object`);
  return value;
}

function parseManifest(value: Fields): PackageManifest {
  const { bin, files } = value;
  return {
    name: text(value["name"]),
    version: text(value["version"]),
    main: text(value["main"]),
    bin: typeof bin === "string" ? bin : isFields(bin) ? textsOf(bin) : undefined,
    exports: value["exports"],
    files: Array.isArray(files) ? listOf(files) : undefined,
    scripts: textsOf(value["scripts"]),
    engines: textsOf(value["engines"]),
    dependencies: textsOf(value["dependencies"]),
    devDependencies: textsOf(value["devDependencies"]),
    optionalDependencies: textsOf(value["optionalDependencies"]),
    workspaces: workspacesOf(value["workspaces"]),
    resolutions: textsOf(value["resolutions"]),
    lading: fieldsOf(value["lading"]),
  };
}

function workspacesOf(value: unknown): readonly string[] | undefined {
  const list = isFields(value) ? value["packages"] : value;
  return Array.isArray(list) ? listOf(list) : undefined;
}

/** The value as an object; what is none is empty. */
export function fieldsOf(value: unknown): Fields {
  return isFields(value) ? value : {};
}

/** The members of an object that are texts. */
export function textsOf(value: unknown): Readonly<Record<string, string>> {
  const texts: Record<string, string> = {};
  for (const [key, one] of Object.entries(fieldsOf(value))) if (typeof one === "string") texts[key] = one;
  return texts;
}

export function text(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

/** What a package says of the systems it runs on; undefined when nothing. */
export function conditionsOf(value: Fields): Conditions | undefined {
  const { os, cpu, libc } = value;
  if (os === undefined && cpu === undefined && libc === undefined) return undefined;
  return { os: textOrList(os), cpu: textOrList(cpu), libc: textOrList(libc) };
}

function textOrList(value: unknown): readonly string[] | undefined {
  return value === undefined ? undefined : listOf([value].flat());
}

function listOf(values: readonly unknown[]): string[] {
  return values.filter((one) => typeof one === "string");
}
