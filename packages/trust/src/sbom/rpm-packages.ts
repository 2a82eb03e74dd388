import { type Catalog, Unreadable } from "./catalog.ts";

/** Databases of rpm, in all of their three forms: none is read, and every SBOM of such an image says so. */
export const rpmPackages: Catalog<never> = {
  wants: (path) =>
    /^(?:var\/lib|usr\/lib\/sysimage|usr\/share)\/rpm\/(?:rpmdb\.sqlite|Packages|Packages\.db)$/.test(path),
  limit: () => Infinity,
  scan: async () => {
    throw new Unreadable("it is a database of rpm, whose packages are not listed");
  },
  packages: () => [],
};
