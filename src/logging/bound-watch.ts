import type { Logger } from 'pino';
import type { Clock } from '../clock.js';

/** Interval of reading the counts, ms. */
const CHECK_MS = 1_000;
/** Time without a further count after which an episode at a bound ends, ms. */
const OVER_MS = 10_000;
/** Minimum interval between two `bound-reached` lines about one bound, ms. */
const SAY_MS = 60_000;

/** A limit, with a count of what was refused, dropped or removed because of it. */
export interface Bound {
  /** Stable name in the log and in metrics. */
  readonly name: string;
  /** What happens at the bound, with its value. */
  readonly detail: string;
  /** Returns the count since the start. */
  readonly met: () => number;
}

interface Watched {
  readonly bound: Bound;
  /** The count at the last read. */
  seen: number;
  /** The count before the present episode. */
  countBefore: number;
  metAtMs: number;
  saidAtMs: number;
  state: 'quiet' | 'unsaid' | 'said';
}

/**
 * Logs episodes in which a bound is met: a line when it begins, and one when it ends, with the
 * number of counts. Within SAY_MS of the last such line an episode is not logged. The code at the
 * bound only counts.
 */
export class BoundWatch {
  readonly #watched: Watched[];
  readonly #clock: Clock;
  readonly #logger: Logger;
  #checkedAtMs = Number.NEGATIVE_INFINITY;

  constructor(bounds: readonly Bound[], clock: Clock, logger: Logger) {
    this.#clock = clock;
    this.#logger = logger;
    this.#watched = bounds.map((bound) => ({
      bound,
      seen: bound.met(),
      countBefore: 0,
      metAtMs: Number.NEGATIVE_INFINITY,
      saidAtMs: Number.NEGATIVE_INFINITY,
      state: 'quiet',
    }));
  }

  /** Returns names and counts of all bounds, for metrics. */
  counts(): (readonly [name: string, met: number])[] {
    return this.#watched.map(({ bound }) => [bound.name, bound.met()]);
  }

  /** Reads the counts if the last read is at least CHECK_MS ago, and logs changes. */
  check(): void {
    const now = this.#clock.monotonic();
    if (now - this.#checkedAtMs < CHECK_MS) return;
    this.#checkedAtMs = now;
    for (const watched of this.#watched) this.#look(watched, now);
  }

  #look(watched: Watched, now: number): void {
    const { bound, seen } = watched;
    const met = bound.met();
    watched.seen = met;
    if (met > seen) {
      watched.metAtMs = now;
      if (watched.state === 'quiet') {
        watched.countBefore = seen;
        watched.state = 'unsaid';
      }
      if (watched.state === 'unsaid' && now - watched.saidAtMs >= SAY_MS) {
        watched.state = 'said';
        watched.saidAtMs = now;
        const fields = { event: 'bound-reached', bound: bound.name, times: met - seen };
        this.#logger.warn(fields, bound.detail);
      }
      return;
    }
    if (watched.state === 'quiet' || now - watched.metAtMs < OVER_MS) return;
    const times = met - watched.countBefore;
    if (watched.state === 'said') {
      const fields = { event: 'bound-over', bound: bound.name, times };
      this.#logger.info(fields, `${bound.name}: not met any more, ${times} times in all`);
    }
    watched.state = 'quiet';
  }
}
