/** Reports of a relay whose numbers of assigned legs are remembered. */
const MARKS_MAX = 8;

interface Mark {
  /** Sequence number of the answer to a report. */
  readonly sequence: number;
  /** Legs assigned until that answer. */
  readonly assigned: number;
}

/**
 * Counts the legs that were assigned to a relay since its last report was made.
 *
 * Each report is answered with a sequence number. The relay's next report says which number it knew
 * when it read its load (`after`). Legs that were assigned before that answer had a beat's time to
 * arrive, so the report shows them; later ones count on top of it. No clock of the relay is read,
 * and a report that was held up on its way counts as of when it was made.
 */
export class AssignedLegs {
  #assigned = 0;
  #shown = 0;
  #sequence = 0;
  readonly #marks: Mark[] = [];

  /** Number of legs that the last report does not show. */
  get unshown(): number {
    return this.#assigned - this.#shown;
  }

  /** Counts legs. */
  assign(legs = 1): void {
    this.#assigned += legs;
  }

  /**
   * Takes note of a report.
   * @param after - the newest sequence number that the relay knew when it made the report;
   *   undefined from a relay that does not say so, for which the last one counts
   * @returns the sequence number of the answer
   */
  report(after: number | undefined): number {
    this.#shown = Math.max(this.#shown, this.#assignedUntil(after));
    this.#sequence += 1;
    this.#marks.push({ sequence: this.#sequence, assigned: this.#assigned });
    if (this.#marks.length > MARKS_MAX) this.#marks.shift();
    return this.#sequence;
  }

  #assignedUntil(after: number | undefined): number {
    if (after === undefined) return this.#marks.at(-1)?.assigned ?? 0;
    // A number of before the oldest mark shows no more than is shown already.
    return this.#marks.findLast(({ sequence }) => sequence <= after)?.assigned ?? 0;
  }
}
