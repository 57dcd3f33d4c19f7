import type { Clock } from '../../clock.js';
import { putMostRecent } from '../../collections/lru.js';
import { REGISTRATION_LIMITS } from '../../registry/registration-limits.js';
import { CLAIM_LIMITS } from './claim-limits.js';

interface Claimant {
  /** Earliest time of the next contest, monotonic ms. */
  readonly fromMs: number;
  /** Back-off after the last contest, ms. */
  readonly waitMs: number;
  /** Time of the last report that no relay can check the claim, monotonic ms. */
  readonly saidMs: number;
}

const UNKNOWN: Claimant = {
  fromMs: Number.NEGATIVE_INFINITY,
  waitMs: 0,
  saidMs: Number.NEGATIVE_INFINITY,
};

/**
 * Limits how often a relay may contest addresses. A lost contest starts a back-off of
 * `CLAIM_LIMITS.retryMsMin`, which doubles with each further loss up to `CLAIM_LIMITS.retryMsMax`.
 * The back-off returns to the minimum once `retryMsMax` has passed since its end. It outlives
 * registrations, so deregistering does not reset it.
 *
 * Bound: `REGISTRATION_LIMITS.relaysRememberedMax` relays; the least recently used is forgotten.
 */
export class ClaimBackoff {
  readonly #clock: Clock;
  readonly #claimants = new Map<string, Claimant>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Returns whether a contest of the relay may begin now. */
  mayClaim(id: string): boolean {
    return this.#clock.monotonic() >= this.#of(id).fromMs;
  }

  /** Records a lost contest and doubles the back-off. */
  lost(id: string): void {
    const now = this.#clock.monotonic();
    const { fromMs, waitMs, saidMs } = this.#of(id);
    const isForgotten = now - fromMs >= CLAIM_LIMITS.retryMsMax;
    const next = isForgotten ? CLAIM_LIMITS.retryMsMin : 2 * waitMs;
    const wait = Math.min(Math.max(next, CLAIM_LIMITS.retryMsMin), CLAIM_LIMITS.retryMsMax);
    this.#put(id, { fromMs: now + wait, waitMs: wait, saidMs });
  }

  /** Records a won contest: the next one may begin after the minimum back-off. */
  won(id: string): void {
    const { saidMs } = this.#of(id);
    this.#put(id, { fromMs: this.#clock.monotonic() + CLAIM_LIMITS.retryMsMin, waitMs: 0, saidMs });
  }

  /**
   * Returns whether an unchecked claim should be logged: at most once in `retryMsMax` per relay.
   */
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
    putMostRecent(this.#claimants, [id, claimant], REGISTRATION_LIMITS.relaysRememberedMax);
  }
}
