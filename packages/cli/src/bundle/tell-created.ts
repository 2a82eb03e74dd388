import type { Collection, WrittenBundle } from "@lading/bundle";
import type { Flags } from "../flags.ts";
import { formatCount, formatSize } from "../progress/quantity.ts";
import { printable, styleFor, table } from "../progress/terminal.ts";
import type { FoundImage } from "./images-to-bundle.ts";

/** The digest of a bundle on stdout, or all of it as a document. */
export function tellCreated(
  flags: Flags,
  output: string,
  images: readonly FoundImage[],
  collection: Collection,
  { digest, size, parts }: WrittenBundle,
): void {
  if (!flags.on("json")) return void process.stdout.write(`${digest}\n`);
  const document = {
    digest,
    file: output,
    size,
    ...(parts.length === 0 ? {} : { parts }),
    ...summaryOf(images, collection),
  };
  process.stdout.write(`${JSON.stringify(document)}\n`);
}

/** What would be in a bundle: a line for each image, and who wants it. */
export function tellPlan(flags: Flags, images: readonly FoundImage[], collection: Collection): void {
  if (flags.on("json")) return void process.stdout.write(`${JSON.stringify(summaryOf(images, collection))}\n`);
  const style = styleFor(process.stdout);
  const rows = images.map(({ name, descriptor, wantedBy }) => [
    printable(name),
    descriptor.digest,
    style.dim(printable(wantedBy.join(", "))),
  ]);
  process.stdout.write(`${table(rows).join("\n")}\n`);
  if (flags.on("quiet")) return;
  const { blobs, omitted, referrers } = collection;
  const size = blobs.reduce((sum, { descriptor }) => sum + descriptor.size, 0);
  const there = omitted.length === 0 ? "" : `, ${formatCount(omitted.length, "blob")} there already`;
  process.stderr.write(
    `${formatCount(images.length, "image")} with ${formatCount(referrers, "referrer")}: ${formatCount(blobs.length, "blob")}, ${formatSize(size)}${there}\n`,
  );
}

function summaryOf(images: readonly FoundImage[], { blobs, omitted, referrers }: Collection): object {
  return {
    images: images.map(({ name, descriptor, wantedBy }) => ({
      name,
      digest: descriptor.digest,
      ...(wantedBy.length === 0 ? {} : { wantedBy }),
    })),
    referrers,
    blobs: blobs.length,
    bytes: blobs.reduce((sum, { descriptor }) => sum + descriptor.size, 0),
    omitted: omitted.length,
  };
}
