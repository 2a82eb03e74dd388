import { PackageURL } from "packageurl-js";
import type { PackageType } from "./package.ts";
import type { OperatingSystem } from "./os-release.ts";

export interface PurlParts {
  readonly namespace?: string | undefined;
  readonly name: string;
  readonly version: string;
  /** Those without a value are left out. */
  readonly qualifiers?: Readonly<Record<string, string | undefined>>;
}

/** The package URL of a package, in its canonical form. */
export function purlOf(type: PackageType | "oci", { namespace, name, version, qualifiers = {} }: PurlParts): string {
  const known = Object.entries(qualifiers).flatMap(([key, value]) =>
    value === undefined || value === "" ? [] : [[key, value] as const],
  );
  return new PackageURL(type, namespace, name, version, Object.fromEntries(known), undefined).toString();
}

/** What the packages of a distribution have in common: nothing, for an image that does not say which it is. */
export function distributionOf(os: OperatingSystem | undefined): {
  readonly namespace?: string;
  readonly distro?: string;
} {
  if (os === undefined) return {};
  return { namespace: os.id, distro: os.version === undefined ? os.id : `${os.id}-${os.version}` };
}
