import type { Descriptor } from "@lading/oci";
import type { Written } from "../write-image.ts";
import type { Flags } from "../flags.ts";
import { isOnlyNamed } from "../progress/progress-plain.ts";
import { formatCount, formatSize, formatTime } from "../progress/quantity.ts";
import { printable } from "../progress/terminal.ts";

/** What `copy`, `pull` and `push` say at their end: the digest on stdout, unless that carries the archive. */
export function tellWritten(
  flags: Flags,
  { digest, mediaType }: Descriptor,
  names: readonly string[],
  written: Written,
  toStdout: boolean,
): void {
  if (!flags.on("quiet") && process.stderr.isTTY) process.stderr.write(`${writtenLine(written)}\n`);
  if (toStdout) return;
  process.stdout.write(
    flags.on("json") ? `${JSON.stringify({ digest, mediaType, names, ...written })}\n` : `${digest}\n`,
  );
}

/** "ghcr.io/acme/app:1 (12 MB): 3 copied, 5 there before, 2 mounted, 1 referrer in 1.2 s". */
export function writtenLine({ place, size, unchanged, blobs, referrers, ms }: Written): string {
  if (unchanged) return `${printable(place)} is up to date`;
  if (isOnlyNamed(blobs)) return `${printable(place)} is tagged: all of it was there before`;
  const parts =
    blobs === undefined
      ? []
      : [
          `${formatCount(blobs.copied, "blob")} copied`,
          ...(blobs.exists > 0 ? [`${blobs.exists} there before`] : []),
          ...(blobs.mounted > 0 ? [`${blobs.mounted} mounted`] : []),
          ...(referrers !== undefined && referrers > 0 ? [`with ${formatCount(referrers, "referrer")}`] : []),
        ];
  const detail = parts.length === 0 ? "" : `: ${parts.join(", ")}`;
  return `${printable(place)} (${formatSize(size)})${detail} in ${formatTime(ms)}`;
}
