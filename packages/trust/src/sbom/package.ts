/** What a purl calls its type (github.com/package-url/purl-spec). */
export type PackageType = "apk" | "deb" | "generic" | "golang" | "maven" | "npm" | "rpm";

/** A package that is in an image. */
export interface Package {
  readonly type: PackageType;
  /** As its users write it: "@scope/name" of npm, "group:artifact" of Maven. */
  readonly name: string;
  readonly version: string;
  readonly purl: string;
  /** The folder that it is, or else the file that tells of it; from the image's root, which is "". */
  readonly path: string;
  /** The layer that brought it, from 0. */
  readonly layer: number;
  /** As the package itself states it. */
  readonly licence?: string | undefined;
  /** Who built and distributes it: the vendor of an rpm. */
  readonly supplier?: string | undefined;
  /** SHA-512 of the archive that it was published as, in hex, where a lockfile of the image has it. */
  readonly sha512?: string | undefined;
  /** Where that archive came from. */
  readonly source?: string | undefined;
  readonly cpe?: string | undefined;
  /** How it came in, when nobody installed it by itself. */
  readonly carried?: Carried | undefined;
  /** What it says it needs, as far as that is in the image. */
  readonly dependencies: readonly Package[];
}

/**
 * "bundled" in the archive of another package, which says so; "vendored": copied among the files of another package;
 * "application": a package whose folder nobody installed.
 */
export type Carried = "application" | "bundled" | "vendored";

/** A package of which not everything is known yet. */
export interface PackageDraft extends Package {
  carried?: Carried | undefined;
  readonly dependencies: Package[];
}
