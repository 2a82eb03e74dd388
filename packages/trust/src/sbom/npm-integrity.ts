import { type Fields, isFields, readJson } from "./npm-manifest.ts";

/** What a lockfile says of a package beyond what the package says itself. */
interface Published {
  /** SHA-512 of its archive, in hex. */
  readonly sha512: string | undefined;
  readonly source: string | undefined;
}

/** A lockfile of an image: what packages below its folder were published as. */
export interface NpmIntegrity {
  /** `path` is from the lockfile's folder: "node_modules/a". */
  published(path: string, name: string, version: string): Published | undefined;
}

/** Where a lockfile may be, by the end of its path, and the folder that its own paths start at. */
const places: readonly (readonly [suffix: string, read: (text: Uint8Array) => NpmIntegrity | undefined])[] = [
  // npm leaves this in every folder that it installs packages into, pnpm the next one.
  ["node_modules/.package-lock.json", readNpmLock],
  ["node_modules/.pnpm/lock.yaml", readPnpmLock],
  ["package-lock.json", readNpmLock],
  ["npm-shrinkwrap.json", readNpmLock],
  ["pnpm-lock.yaml", readPnpmLock],
  ["yarn.lock", readYarnLock],
];

/** The folder that a lockfile is for; undefined for a path that is no lockfile's. */
export function lockedFolder(path: string): string | undefined {
  const suffix = suffixOf(path)?.[0];
  return suffix === undefined ? undefined : path.slice(0, path.length - suffix.length).replace(/\/$/, "");
}

/** Reads a lockfile; undefined for one that has no hashes. Throws Unreadable. */
export function readNpmIntegrity(bytes: Uint8Array, path: string): NpmIntegrity | undefined {
  return suffixOf(path)?.[1](bytes);
}

function suffixOf(path: string): (typeof places)[number] | undefined {
  return places.find(([suffix]) => path === suffix || path.endsWith(`/${suffix}`));
}

function readNpmLock(bytes: Uint8Array): NpmIntegrity | undefined {
  const document = readJson(bytes);
  const packages = isFields(document) ? document["packages"] : undefined;
  if (!isFields(packages)) return undefined;
  // Kept without what it says of dependencies, which is most of it.
  const known = new Map<string, Published & { readonly version: unknown }>();
  for (const [path, fields] of Object.entries(packages))
    if (isFields(fields)) known.set(path, { version: fields["version"], ...publishedOf(fields) });
  return {
    published: (path, _, version) => {
      const found = known.get(path);
      return found?.version === version ? found : undefined;
    },
  };
}

function publishedOf(fields: Fields): Published {
  const { integrity, resolved } = fields;
  return {
    sha512: typeof integrity === "string" ? sha512Of(integrity) : undefined,
    source: typeof resolved === "string" ? sourceOf(resolved) : undefined,
  };
}

// Lines of pnpm's lockfile: the YAML that pnpm writes, and no other.
const pnpmPackage = /^ {2}(?:'([^']+)'|"([^"]+)"|(\S+)):\s*$/;
const pnpmResolution = /^ {4}resolution: \{.*?\bintegrity: ([^,\s}]+)/;

function readPnpmLock(bytes: Uint8Array): NpmIntegrity {
  const known = new Map<string, string>();
  let key = "";
  for (const line of linesOf(bytes)) {
    const [, single, double, bare] = pnpmPackage.exec(line) ?? [];
    key = single ?? double ?? bare ?? key;
    const sha512 = sha512Of(pnpmResolution.exec(line)?.[1] ?? "");
    // Before version 9 keys began with a slash, and peers followed in brackets.
    if (sha512 !== undefined) known.set(key.replace(/^\//, "").replace(/(?<=.)\(.*$/, ""), sha512);
  }
  return byNameAndVersion((name, version) => ({ sha512: known.get(`${name}@${version}`), source: undefined }));
}

// Lines of Yarn 1's; Yarn 2 and later have hashes of archives that only Yarn makes.
const yarnEntry = /^"?((?:@[^/@\s]+\/)?[^@\s"]+)@.*:$/;
const yarnField = /^ {2}(version|resolved|integrity) "?([^"\s]+)"?$/;

function readYarnLock(bytes: Uint8Array): NpmIntegrity {
  const known = new Map<string, Published>();
  let name = "";
  let version = "";
  let source: string | undefined;
  for (const line of linesOf(bytes)) {
    const entry = yarnEntry.exec(line);
    if (entry !== null) {
      [, name = ""] = entry;
      source = undefined;
    }
    const [, field, value = ""] = yarnField.exec(line) ?? [];
    if (field === "version") version = value;
    else if (field === "resolved") source = sourceOf(value.replace(/#.*$/, ""));
    else if (field === "integrity") known.set(`${name}@${version}`, { sha512: sha512Of(value), source });
  }
  return byNameAndVersion((wanted, of) => known.get(`${wanted}@${of}`));
}

function byNameAndVersion(find: (name: string, version: string) => Published | undefined): NpmIntegrity {
  return { published: (_, name, version) => find(name, version) };
}

function linesOf(bytes: Uint8Array): readonly string[] {
  return Buffer.from(bytes).toString("utf8").split(/\r?\n/);
}

/** The SHA-512 of a Subresource Integrity text, in hex. */
function sha512Of(integrity: string): string | undefined {
  const base64 = /(?:^|\s)sha512-([A-Za-z0-9+/]{86}==)(?:\s|$)/.exec(integrity)?.[1];
  return base64 === undefined ? undefined : Buffer.from(base64, "base64").toString("hex");
}

/** A URL that may be shown: of a private registry it can hold a name and a password. */
function sourceOf(text: string): string | undefined {
  if (text.length > 2000 || !/^https?:\/\//.test(text) || !URL.canParse(text)) return undefined;
  const url = new URL(text);
  url.username = "";
  url.password = "";
  url.search = "";
  return url.href;
}
