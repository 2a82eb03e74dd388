import type { SbomFormat } from "@lading/trust";
import type { Destination } from "../destination.ts";
import type { Flags } from "../flags.ts";
import { UsageError } from "../usage.ts";

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
  if (destinations.some(hasRoom)) return { sboms, provenance };
  const shown = destinations.map((one) => one.shown).join(", ");
  throw new UsageError(
    `Cannot use --${sboms.length > 0 ? "sbom" : "provenance"}: ${shown} has no place for what refers to an image`,
    { hint: "Write to a registry, oci:DIR or oci-archive:FILE; `lading sbom -o FILE` writes an SBOM into a file" },
  );
}

function hasRoom(destination: Destination): boolean {
  return (
    destination.kind === "registry" || (destination.kind === "file" && destination.place.transport !== "docker-archive")
  );
}
