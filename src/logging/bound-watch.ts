import type { Logger } from 'pino';
import type { Clock } from '../clock.js';

/** How often the counts are looked at. */
const CHECK_MS = 1_000;
/** A bound that has not been met for this long is over. */
const OVER_MS = 10_000;
/** One bound is spoken of this often at most. */
const SAY_MS = 60_000;

/** Something that has a limit, and what was refused, dropped or forgotten at it. */
export interface Bound {
  /** Stable: the log's and the metric's name of it. */
  readonly name: string;
  /** What happens at it, in words with the limit. */
  readonly detail: string;
  /** Times that it was met since the start. */
  readonly met: () => number;
}

interface Watched {
  readonly bound: Bound;
  /** The count when it was looked at last, and when what is going on began. */
  seen: number;
  countBefore: number;
  metAtMs: number;
  saidAtMs: number;
  state: 'quiet' | 'unsaid' | 'said';
}

/**
 * Says in the log when a bound is met, and when that is over: once each, however often it is met
 * meanwhile. Whatever meets a bound only counts.
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

  /** Names and counts, for metrics. */
  counts(): (readonly [name: string, met: number])[] {
    return this.#watched.map(({ bound }) => [bound.name, bound.met()]);
  }

  /** Looks, if it is time to, and logs what is new. */
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
