/** Plain probes that must be lost, too, before a relay that may be old counts as lost. */
export const PLAIN_PROBES_LOST_MAX = 16;
/** Plain probes that a relay has answered before it is taken for an old one … */
export const OLD_RELAY_PLAIN_ANSWERS_MIN = 3;
/** … and path probes that it has not. */
export const OLD_RELAY_PATHS_MISSED_MIN = 5;

/**
 * Which probes another relay understands: one of a release before path probes answers plain ones
 * alone (PROTOCOL.md section 4). Found out anew when it starts anew, as it may have been updated;
 * one lost datagram, or several, decide nothing.
 */
export class ProbeSupport {
  #kind: 'unknown' | 'paths' | 'plain' = 'unknown';
  #pathsMissed = 0;
  #plainAnswered = 0;
  #plainUnanswered = 0;

  /** `plain`: a relay of a release that answers no path probes. */
  get kind(): 'unknown' | 'paths' | 'plain' {
    return this.#kind;
  }

  /** Whether it may be an old relay that lives, so that unanswered path probes mean nothing. */
  get mayBeOld(): boolean {
    return this.#kind === 'unknown' && this.#plainUnanswered < PLAIN_PROBES_LOST_MAX;
  }

  /** A path probe is overdue, and both kinds have been sent now. */
  askedBoth(): void {
    this.#pathsMissed += 1;
    this.#plainUnanswered += 1;
  }

  pathAnswered(): void {
    this.#kind = 'paths';
  }

  plainAnswered(): void {
    this.#plainUnanswered = 0;
    this.#plainAnswered += 1;
    const isOld =
      this.#plainAnswered >= OLD_RELAY_PLAIN_ANSWERS_MIN &&
      this.#pathsMissed >= OLD_RELAY_PATHS_MISSED_MIN;
    if (this.#kind === 'unknown' && isOld) this.#kind = 'plain';
  }
}
