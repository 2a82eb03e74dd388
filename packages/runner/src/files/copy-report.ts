/** What came of a copy. */
export interface CopyReport {
  readonly files: number;
  readonly folders: number;
  readonly links: number;
  /** Bytes of files. */
  readonly bytes: number;
  /** What is not there, or not as it was. */
  readonly skipped: readonly { readonly path: string; readonly reason: string }[];
}

/** Counts while a copy goes on. */
export class CopyCount {
  readonly #skipped: { path: string; reason: string }[] = [];
  files = 0;
  folders = 0;
  links = 0;
  bytes = 0;

  skip(path: string, reason: string): void {
    this.#skipped.push({ path, reason });
  }

  report(): CopyReport {
    const { files, folders, links, bytes } = this;
    return { files, folders, links, bytes, skipped: this.#skipped };
  }
}
