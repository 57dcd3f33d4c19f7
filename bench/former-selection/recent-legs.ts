import type { Clock } from '../../src/clock.js';
import { putMostRecent } from '../../src/collections/lru.js';
import { REGISTRATION_LIMITS } from '../../src/registry/registration-limits.js';

/** Time constant of the decay of recently handed out legs. */
const RECENT_LEGS_DECAY_MS = 60_000;

interface Count {
  legs: number;
  atMs: number;
}

/**
 * Counts the legs recently handed out to each relay, with exponential decay
 * (`RECENT_LEGS_DECAY_MS`). The count outlives the registration, so registering again does not make
 * a relay look idle.
 *
 * Bound: `REGISTRATION_LIMITS.relaysRememberedMax` relays; the least recently counted is forgotten.
 */
export class RecentLegs {
  readonly #clock: Clock;
  readonly #counts = new Map<string, Count>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Counts a leg. */
  add(id: string): void {
    const legs = this.of(id) + 1;
    putMostRecent(
      this.#counts,
      [id, { legs, atMs: this.#clock.monotonic() }],
      REGISTRATION_LIMITS.relaysRememberedMax,
    );
  }

  /** Returns the decayed number of legs handed out to a relay. */
  of(id: string): number {
    const count = this.#counts.get(id);
    if (count === undefined) return 0;
    const passedMs = this.#clock.monotonic() - count.atMs;
    return count.legs * Math.exp(-passedMs / RECENT_LEGS_DECAY_MS);
  }
}
