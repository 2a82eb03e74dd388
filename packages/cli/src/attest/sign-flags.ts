import type { ImageSigner, SignatureForm } from "@lading/trust";
import { type Destination, refuseWithoutRoom } from "../destination.ts";
import type { Flags } from "../flags.ts";
import { formsFrom, signerFrom, signingOptions } from "../trust/signing-flags.ts";
import { UsageError } from "../usage.ts";

/** How a build is signed. */
export interface AskedSignature {
  readonly signer: ImageSigner;
  readonly forms: readonly SignatureForm[];
}

/**
 * What `--sign` asks for; undefined for nothing. Who signs is found out at once: a wrong password should not cost a build.
 * Throws UsageError, TrustError.
 */
export async function askedSignature(
  flags: Flags,
  destinations: readonly Destination[],
  signal: AbortSignal,
): Promise<AskedSignature | undefined> {
  if (!flags.on("sign")) {
    const stray = Object.keys(signingOptions).find((name) => flags.given(name));
    if (stray !== undefined) throw new UsageError(`Cannot use --${stray} without --sign`);
    return undefined;
  }
  refuseWithoutRoom("sign", destinations);
  if (flags.on("watch"))
    throw new UsageError("Cannot use --sign with --watch: what is built at every edit is nobody's word");
  if (flags.on("dry-run")) return undefined;
  return { signer: await signerFrom(flags, signal), forms: formsFrom(flags) };
}
