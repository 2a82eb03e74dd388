/** The forms that signatures and attestations are written in: `bundle` for cosign 3, `tag` for cosign 2 and containers/image. */
export type SignatureForm = "bundle" | "tag";

/** Signs what both forms need. */
export interface ImageSigner {
  /** Signs an in-toto statement. */
  statement(statement: Uint8Array): Promise<SignedStatement>;
  /** Signs any bytes. Returns the annotations of a layer that holds them: the signature, and what vouches for it. */
  payload(payload: Uint8Array): Promise<Readonly<Record<string, string>>>;
}

/** A statement in a DSSE envelope. */
export interface SignedStatement {
  /** A sigstore bundle (v0.3). */
  readonly bundle: Uint8Array;
  /** The envelope alone. */
  readonly envelope: Uint8Array;
  /** Of a layer that holds the envelope: what vouches for it. */
  readonly annotations: Readonly<Record<string, string>>;
}
