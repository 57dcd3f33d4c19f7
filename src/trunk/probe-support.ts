/** Plain probes lost in a row before a relay of unknown version counts as lost. */
export const PLAIN_PROBES_LOST_MAX = 16;
/** Minimum answered plain probes for which a relay counts as an old version. */
export const OLD_RELAY_PLAIN_ANSWERS_MIN = 3;
/** Minimum unanswered path probes for which a relay counts as an old version. */
export const OLD_RELAY_PATHS_MISSED_MIN = 5;

/**
 * Detects which probes another relay supports: versions without path probes answer plain probes
 * only (PROTOCOL.md section 4). It is detected again after a restart, which may be an upgrade.
 * Several replies decide, so that packet loss does not.
 */
export class ProbeSupport {
  #kind: 'unknown' | 'paths' | 'plain' = 'unknown';
  #pathsMissed = 0;
  #plainAnswered = 0;
  #plainUnanswered = 0;

  /** `plain`: a version that does not answer path probes. */
  get kind(): 'unknown' | 'paths' | 'plain' {
    return this.#kind;
  }

  /**
   * Whether it may be an old version that is alive, so that unanswered path probes prove nothing.
   */
  get mayBeOld(): boolean {
    return this.#kind === 'unknown' && this.#plainUnanswered < PLAIN_PROBES_LOST_MAX;
  }

  /** Notes that a path probe is overdue and that both kinds have been sent. */
  askedBoth(): void {
    this.#pathsMissed += 1;
    this.#plainUnanswered += 1;
  }

  /** Notes a reply to a path probe. */
  pathAnswered(): void {
    this.#kind = 'paths';
  }

  /** Notes a reply to a plain probe. */
  plainAnswered(): void {
    this.#plainUnanswered = 0;
    this.#plainAnswered += 1;
    const isOld =
      this.#plainAnswered >= OLD_RELAY_PLAIN_ANSWERS_MIN &&
      this.#pathsMissed >= OLD_RELAY_PATHS_MISSED_MIN;
    if (this.#kind === 'unknown' && isOld) this.#kind = 'plain';
  }
}
