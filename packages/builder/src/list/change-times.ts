/** The times (ctime, in milliseconds) of files' last changes, as far as they tell of changes to come. */
export class ChangeTimes {
  #newest = Number.NEGATIVE_INFINITY;
  #wholeSeconds = true;

  note(ctimeMs: number): void {
    if (ctimeMs > this.#newest) this.#newest = ctimeMs;
    if (ctimeMs % 1000 !== 0) this.#wholeSeconds = false;
  }

  /**
   * Whether they can be relied on to tell every later change, given when listing began. A file that was
   * touched within the clock's granularity before that can be written to again and keep its ctime
   * ("racy git", git's Documentation/technical/racy-git.adoc).
   */
  areSettled(listedAt: number): boolean {
    // Linux stamps files with the time of the last timer tick, at most 10 ms ago; FAT and old NFS know seconds only.
    return this.#newest < listedAt - (this.#wholeSeconds ? 2000 : 20);
  }
}
