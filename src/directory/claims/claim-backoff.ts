import type { Clock } from '../../clock.js';
import { putMostRecent } from '../../collections/lru.js';
import { LIMITS } from '../../limits.js';
import { CLAIM_LIMITS } from './claim-limits.js';

/** Claimants that are remembered; only holders of a relay secret can add one. */
const CLAIMANTS_MAX = 4 * LIMITS.relaysMax;

interface Claimant {
  /** It may begin a contest from then on. */
  readonly fromMs: number;
  /** The wait after its last contest. */
  readonly waitMs: number;
  /** When it was last said that nobody can check. */
  readonly saidMs: number;
}

const UNKNOWN: Claimant = {
  fromMs: Number.NEGATIVE_INFINITY,
  waitMs: 0,
  saidMs: Number.NEGATIVE_INFINITY,
};

/**
 * How often a relay may have its claims checked: who lost waits for `claimRetryMsMin`, twice as
 * long after each further loss, up to `claimRetryMsMax`. Losses are forgotten after as long a time
 * without one. It outlives registrations.
 *
 * Bound: `CLAIMANTS_MAX` relays; beyond it the longest unused is forgotten.
 */
export class ClaimBackoff {
  readonly #clock: Clock;
  readonly #claimants = new Map<string, Claimant>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether a contest may begin now. */
  mayClaim(id: string): boolean {
    return this.#clock.monotonic() >= this.#of(id).fromMs;
  }

  /** Its claim was not proved. */
  lost(id: string): void {
    const now = this.#clock.monotonic();
    const { fromMs, waitMs, saidMs } = this.#of(id);
    const isForgotten = now - fromMs >= CLAIM_LIMITS.retryMsMax;
    const next = isForgotten ? CLAIM_LIMITS.retryMsMin : 2 * waitMs;
    const wait = Math.min(Math.max(next, CLAIM_LIMITS.retryMsMin), CLAIM_LIMITS.retryMsMax);
    this.#put(id, { fromMs: now + wait, waitMs: wait, saidMs });
  }

  /** Its claim was proved: the next one waits the shortest time only. */
  won(id: string): void {
    const { saidMs } = this.#of(id);
    this.#put(id, { fromMs: this.#clock.monotonic() + CLAIM_LIMITS.retryMsMin, waitMs: 0, saidMs });
  }

  /** Whether it is worth a line that nobody can check: once in the longest wait. */
  isNews(id: string): boolean {
    const now = this.#clock.monotonic();
    const claimant = this.#of(id);
    if (now - claimant.saidMs < CLAIM_LIMITS.retryMsMax) return false;
    this.#put(id, { ...claimant, saidMs: now });
    return true;
  }

  #of(id: string): Claimant {
    return this.#claimants.get(id) ?? UNKNOWN;
  }

  #put(id: string, claimant: Claimant): void {
    putMostRecent(this.#claimants, [id, claimant], CLAIMANTS_MAX);
  }
}
