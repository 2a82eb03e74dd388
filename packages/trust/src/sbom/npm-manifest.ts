import { Unreadable } from "./catalog.ts";

/** The part of a package.json that matters here. */
export interface NpmManifest {
  readonly name: string;
  readonly version: string;
  readonly licence: string | undefined;
  /** The names that it imports when it runs; optional and peer ones are there as well. */
  readonly dependencies: readonly string[];
  /** Those of them that are in its own archive. */
  readonly bundled: readonly string[];
}

/** More than any package has, and fewer than fill the memory. */
const maxDependencies = 2000;

/** Reads a package.json; undefined for one that has no name and version, and so is no package's. Throws Unreadable. */
export function readNpmManifest(bytes: Uint8Array): NpmManifest | undefined {
  const value = readJson(bytes);
  if (!isFields(value)) throw new Unreadable("it is no JSON object");
  const { name, version } = value;
  if (typeof name !== "string" || typeof version !== "string" || name === "" || version === "") return undefined;
  if (!isNpmName(name)) throw new Unreadable("its name is none that npm takes");
  if (!/^[\x21-\x7e]{1,256}$/.test(version)) throw new Unreadable("its version is none");
  const needed = new Set([
    ...namesOf(value["dependencies"]),
    ...namesOf(value["optionalDependencies"]),
    ...namesOf(value["peerDependencies"]),
  ]);
  const bundled = value["bundleDependencies"] ?? value["bundledDependencies"];
  return {
    name,
    version,
    licence: licenceOf(value),
    dependencies: [...needed].slice(0, maxDependencies),
    bundled:
      bundled === true ? namesOf(value["dependencies"]) : Array.isArray(bundled) ? bundled.filter(isNpmName) : [],
  };
}

/** Throws Unreadable. Keys that come twice are npm's affair, which takes the last. */
export function readJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(
      Buffer.from(bytes)
        .toString("utf8")
        .replace(/^\uFEFF/, ""),
    );
  } catch {
    throw new Unreadable("it is no JSON");
  }
}

export type Fields = Readonly<Record<string, unknown>>;

export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isNpmName(name: unknown): name is string {
  return typeof name === "string" && name.length <= 214 && /^(?:@[\w.~-]+\/)?[\w.~-]+$/.test(name);
}

function namesOf(value: unknown): readonly string[] {
  return isFields(value) ? Object.keys(value).filter(isNpmName) : [];
}

/** "MIT"; before npm 3 an object, or several. */
function licenceOf(value: Fields): string | undefined {
  const { license, licenses } = value;
  const several = Array.isArray(licenses) ? licenses.flatMap((one) => licenceName(one) ?? []) : [];
  const text = licenceName(license) ?? (several.length > 1 ? `(${several.join(" OR ")})` : several[0]);
  return text === undefined || text.trim() === "" ? undefined : text.trim().slice(0, 256);
}

function licenceName(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  return isFields(value) && typeof value["type"] === "string" ? value["type"] : undefined;
}
