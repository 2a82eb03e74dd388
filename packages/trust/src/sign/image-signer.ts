/** Signs bytes in the two forms that signatures of images have. */
export interface ImageSigner {
  /** A sigstore bundle (v0.3) with a DSSE envelope of an in-toto statement. */
  bundle(statement: Uint8Array): Promise<Uint8Array>;
  /** The annotations of a layer that holds `payload`: its signature, and what vouches for that. */
  annotations(payload: Uint8Array): Promise<Readonly<Record<string, string>>>;
}
