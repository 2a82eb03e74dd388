import type { Digest } from "@lading/oci";

/** What a signature says, once it is known to be genuine. */
export interface Claim {
  /** A URI; signatures have `https://sigstore.dev/cosign/sign/v1`, in whichever form they are. */
  readonly predicateType: string;
  /** What an attestation states; of a signature nothing. */
  readonly predicate: unknown;
  /** What was given with `-a` when it was signed. */
  readonly annotations: Readonly<Record<string, unknown>>;
  /** The name that was signed along, in the older form. */
  readonly reference?: string;
  /** Whether it is about content of this digest. */
  isAbout(digest: Digest): boolean;
}
