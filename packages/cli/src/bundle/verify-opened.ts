import { Bundle, verifyBundle, type VerifiedBundle } from "@lading/bundle";
import { OciError } from "@lading/oci";
import type { VerifiedImage } from "@lading/trust";
import type { Options as Flag } from "yargs";
import type { Flags } from "../flags.ts";
import { createProgress } from "../progress/progress.ts";
import { printable } from "../progress/terminal.ts";
import { naming } from "../registries.ts";
import { warn } from "../registry-flags.ts";
import { trustFrom, trustOptions } from "../trust/trust-flags.ts";

/** The flags of commands that verify a bundle. */
export const verifyOptions: Readonly<Record<string, Flag>> = {
  digest: {
    type: "string",
    requiresArg: true,
    describe: "the digest that `bundle create` printed: no other bundle will do",
  },
  base: {
    type: "string",
    array: true,
    requiresArg: true,
    describe: "a bundle that a delta builds on, to take from it what the delta lacks",
  },
  ...trustOptions,
};

/** A bundle that was verified, and those that it builds on. */
export interface VerifiedFile extends VerifiedBundle {
  readonly bundle: Bundle;
  readonly bases: readonly Bundle[];
  /** Who vouches for its images; empty when nobody was asked for. */
  readonly signed: readonly VerifiedImage[];
}

/**
 * Opens a bundle and verifies all of it, with the flags that say whose signatures count also who
 * signed each image. Throws OciError for what is damaged or another bundle than was expected, TrustError.
 */
export async function verifyFile(flags: Flags, signal: AbortSignal): Promise<VerifiedFile> {
  const file = flags.required("file");
  const trust = await trustFrom(flags);
  const bundle = await naming(file, async () => await Bundle.open(file, { signal }));
  const expected = flags.text("digest");
  if (expected !== undefined && expected !== bundle.digest)
    throw new OciError("DIGEST_MISMATCH", `Cannot use ${file}: it is the bundle ${bundle.digest}, and not ${expected}`);
  const bases = await Promise.all(
    flags.list("base").map(async (base) => await naming(base, async () => await Bundle.open(base, { signal }))),
  );
  const signed: VerifiedImage[] = [];
  if (trust !== undefined) {
    const { verifyImage } = await import("@lading/trust");
    for (const image of bundle.images)
      signed.push(await verifyImage(bundle.beside(image), image.descriptor, { trust, signal }));
  }
  const verified = await verifyAll(flags, bundle, bases, signal);
  const { strays } = bundle;
  if (strays.length > 0) warn(`${file}: nothing in it speaks of ${strays.map((path) => printable(path)).join(", ")}`);
  return { bundle, bases, signed, ...verified };
}

async function verifyAll(
  flags: Flags,
  bundle: Bundle,
  bases: readonly Bundle[],
  signal: AbortSignal,
): Promise<VerifiedBundle> {
  const progress = createProgress(flags.text("progress"), { quiet: flags.on("quiet") });
  const place = bundle.file;
  const begun = performance.now();
  let done = 0;
  try {
    progress.event({ type: "verify-start", place });
    const onBytes = (count: number): void => {
      done += count;
      progress.event({ type: "verify-progress", place, done });
    };
    const verified = await naming(place, async () => await verifyBundle(bundle, { bases, onBytes, signal }));
    progress.event({ type: "verify-done", place, size: verified.bytes, ms: performance.now() - begun });
    return verified;
  } finally {
    progress.end();
  }
}
