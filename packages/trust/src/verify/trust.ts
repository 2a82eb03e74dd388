import type { PublicKey } from "../keys/public-key.ts";
import type { TrustedRoot } from "./trusted-root.ts";

/** Whose signatures count. */
export type Trust = TrustedKeys | TrustedIdentities;

/** Signatures made with any of these keys. */
export interface TrustedKeys {
  readonly keys: readonly PublicKey[];
  /** With it, signatures must be in one of its logs as well. */
  readonly trustedRoot?: TrustedRoot | undefined;
  /** Takes signatures that are in no log; entries that are there are checked all the same. Default: false. */
  readonly ignoreLog?: boolean | undefined;
}

/** Signatures by any of these identities, whose certificates the root vouches for. */
export interface TrustedIdentities {
  readonly identities: readonly Identity[];
  readonly trustedRoot: TrustedRoot;
  /** Takes signatures that are in no log, when a timestamp says that the certificate was valid. Default: false. */
  readonly ignoreLog?: boolean | undefined;
  /** Takes certificates that no log of certificates vouches for. Default: false. */
  readonly ignoreSct?: boolean | undefined;
}

/** Who signs, and who says so. A string is exact; a pattern has to fit all of the text. */
export interface Identity {
  /** Subject alternative name of the certificate: an address, or the URL of a workflow. */
  readonly subject: string | RegExp;
  /** The OIDC issuer. */
  readonly issuer: string | RegExp;
}
