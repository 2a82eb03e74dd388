import { Bundle, verifyBundle, type VerifiedBundle } from "@lading/bundle";
import { OciError } from "@lading/oci";
import type { Trust, VerifiedImage } from "@lading/trust";
import type { Options as Flag, PositionalOptions } from "yargs";
import type { Flags } from "../flags.ts";
import { createProgress } from "../progress/progress.ts";
import { printable } from "../progress/terminal.ts";
import { naming } from "../registries.ts";
import { warn } from "../registry-flags.ts";
import type { Admission } from "../trust/admission.ts";
import { admissionFrom, policyOption } from "../trust/policy-flags.ts";
import { trustFrom, trustOptions } from "../trust/trust-flags.ts";

/** What names a bundle on the command line. */
export const filesPositional: Readonly<Record<string, PositionalOptions>> = {
  files: {
    type: "string",
    array: true,
    describe: "the bundle; of one in parts the list or any, those elsewhere as well",
  },
};

/** Opens the bundle that `<files..>` name. */
export async function openFiles(flags: Flags, signal: AbortSignal): Promise<Bundle> {
  const files = flags.list("files");
  return await naming(files[0] ?? "", async () => await Bundle.open(files, { signal }));
}

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
  ...policyOption,
};

/** A bundle that was verified, and those that it builds on. */
export interface VerifiedFile extends VerifiedBundle {
  readonly bundle: Bundle;
  readonly bases: readonly Bundle[];
  /** Who vouches for its images; empty when nobody was asked for. */
  readonly signed: readonly VerifiedImage[];
}

/**
 * Opens a bundle and verifies all of it; with the flags that say whose signatures count also who
 * signed each image, and with a policy that it admits each, by the names that they have in it.
 * Signatures are looked for in the bundle alone; what they consist of is read from those that it
 * builds on as well. Throws OciError for what is damaged or another bundle than was expected,
 * TrustError, UsageError.
 */
export async function verifyFile(flags: Flags, signal: AbortSignal): Promise<VerifiedFile> {
  const trust = await trustFrom(flags);
  const admission = admissionFrom(flags);
  const bundle = await openFiles(flags, signal);
  const { file } = bundle;
  const expected = flags.text("digest");
  if (expected !== undefined && expected !== bundle.digest)
    throw new OciError("DIGEST_MISMATCH", `Cannot use ${file}: it is the bundle ${bundle.digest}, and not ${expected}`);
  const bases = await Promise.all(
    flags.list("base").map(async (base) => await naming(base, async () => await Bundle.open(base, { signal }))),
  );
  // Of none it would be true that all are signed.
  if (bundle.images.length === 0) throw new OciError("INVALID_ARCHIVE", `Cannot use ${file}: it has no images`);
  const signed = await vouchFor(bundle, bases, { trust, admission, signal });
  const verified = await verifyAll(flags, bundle, bases, signal);
  const { strays } = bundle;
  if (strays.length > 0) warn(`${file}: nothing in it speaks of ${strays.map((path) => printable(path)).join(", ")}`);
  return { bundle, bases, signed, ...verified };
}

/** Who signed each image, for those who ask; a policy is asked after that. */
async function vouchFor(
  bundle: Bundle,
  bases: readonly Bundle[],
  {
    trust,
    admission,
    signal,
  }: { readonly trust: Trust | undefined; readonly admission: Admission | undefined; readonly signal: AbortSignal },
): Promise<readonly VerifiedImage[]> {
  const signed: VerifiedImage[] = [];
  for (const image of bundle.images) {
    const { name, descriptor } = image;
    const shown = name ?? descriptor.digest;
    const source = bundle.beside(image, bases);
    if (trust !== undefined) {
      const { verifyImage } = await import("@lading/trust");
      signed.push(
        await verifyImage(source, descriptor, { trust, signal }).catch((cause: unknown) => {
          // Content is called by its digest alone.
          throw name === undefined ? cause : new Error(`Cannot use ${name} of ${bundle.file}`, { cause });
        }),
      );
    }
    await admission?.admitNamed(name, { source, descriptor, shown }, bundle.file, { signal });
  }
  return signed;
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
