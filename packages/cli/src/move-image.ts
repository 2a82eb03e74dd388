import type { Options } from "@lading/oci";
import { cacheFolder } from "./cache-folder.ts";
import { type PlatformChoice, choosePlatforms } from "./choose-platforms.ts";
import type { Destination } from "./destination.ts";
import type { Flags } from "./flags.ts";
import { isRemote, type Located } from "./locate.ts";
import { createProgress } from "./progress/progress.ts";
import type { Registries } from "./registries.ts";
import { tellWritten } from "./show/written.ts";
import { writeImageTo } from "./write-image.ts";

export interface Move extends Options {
  /** The source as it was written. */
  readonly from: string;
  readonly located: Located;
  readonly destination: Destination;
  readonly choice: PlatformChoice;
  /** Whether signatures, SBOMs and attestations come along. */
  readonly referrers: boolean;
  readonly registries: Registries;
}

/** What `copy` and `pull` do once they know what goes where: writes it, shows how, and tells the digest. */
export async function moveImage(flags: Flags, move: Move): Promise<void> {
  const { from, located, destination, referrers, registries, signal } = move;
  const content = await choosePlatforms(located, move.choice, { signal });
  const progress = createProgress(flags.text("progress"), { quiet: flags.on("quiet") });
  registries.onEvent = (event) => progress.event(event);
  let written;
  try {
    written = await writeImageTo(destination, content, located.names, {
      signal,
      registries,
      cacheDir: cacheFolder(),
      remote: isRemote(from) || destination.kind === "registry",
      referrers,
      onEvent: (event) => progress.event(event),
    });
  } finally {
    progress.end();
  }
  tellWritten(flags, content.descriptor, located.names, written, destination.stdout);
}
