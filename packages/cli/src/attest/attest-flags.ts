import type { SbomFormat } from "@lading/trust";
import { type Destination, refuseWithoutRoom } from "../destination.ts";
import type { Flags } from "../flags.ts";

/** What flags ask to say of a build. */
export interface AskedStatements {
  readonly sboms: readonly SbomFormat[];
  readonly provenance: boolean;
}

/** What `--sbom` and `--provenance` ask for; undefined for nothing. Throws UsageError where nothing could be attached. */
export function askedStatements(flags: Flags, destinations: readonly Destination[]): AskedStatements | undefined {
  const formats = flags.list("sbom");
  const sboms = (["cyclonedx", "spdx"] as const).filter((format) => formats.includes(format));
  const provenance = flags.on("provenance");
  if (sboms.length === 0 && !provenance) return undefined;
  refuseWithoutRoom(sboms.length > 0 ? "sbom" : "provenance", destinations);
  return { sboms, provenance };
}
