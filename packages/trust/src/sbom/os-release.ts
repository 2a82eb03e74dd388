import type { Catalogued, Catalog } from "./catalog.ts";

/** The distribution that an image is made of (os-release(5)). */
export interface OperatingSystem {
  /** "debian". */
  readonly id: string;
  /** "12"; a rolling one has none. */
  readonly version: string | undefined;
  /** "Debian GNU/Linux 12 (bookworm)". */
  readonly title: string;
  readonly layer: number;
}

type Fields = ReadonlyMap<string, string>;

/** Reads os-release, which brings no package: see `operatingSystemOf`. */
export const osRelease: Catalog<Fields> = {
  wants: (path) => path === "etc/os-release" || path === "usr/lib/os-release",
  limit: () => 64 * 1024,
  read: (bytes) => fieldsOf(Buffer.from(bytes).toString("utf8")),
  packages: () => [],
};

/** What the files that `osRelease` read say; that in /etc is the one to believe. */
export function operatingSystemOf(found: readonly Catalogued<Fields>[]): OperatingSystem | undefined {
  const { fact, layer } = found.find(({ path }) => path === "etc/os-release") ?? found[0] ?? {};
  const id = fact?.get("ID");
  if (fact === undefined || layer === undefined || id === undefined || !/^[a-z0-9._-]{1,64}$/.test(id))
    return undefined;
  const version = fact.get("VERSION_ID");
  const isPlain = version !== undefined && /^[\w.~-]{1,64}$/.test(version);
  return { id, version: isPlain ? version : undefined, title: fact.get("PRETTY_NAME") ?? id, layer };
}

function fieldsOf(text: string): Fields {
  const fields = new Map<string, string>();
  for (const [, key = "", quoted, bare = ""] of text.matchAll(/^([A-Z_]+)=(?:"((?:[^"\\]|\\.)*)"|'?([^'\n]*)'?)$/gm))
    fields.set(key, quoted === undefined ? bare : quoted.replaceAll(/\\(.)/g, "$1"));
  return fields;
}
