import { CLOCK_SKEW_MS_MAX, type Clock } from '../clock.js';
import { LIMITS } from '../limits.js';

/** Request nonces of one relay that are remembered inside the clock skew window. */
export const NONCES_PER_RELAY_MAX = 512;

/** Relays whose nonces are remembered; only holders of a relay secret can add one. */
const RELAYS_MAX = 4 * LIMITS.relaysMax;

/**
 * The nonces of genuine requests, for as long as their time would still be accepted, so that a
 * recorded request cannot be sent again. Bounded for each relay and in the number of relays; at
 * either bound a request is refused, never an old nonce forgotten.
 */
export class ReplayFilter {
  readonly #clock: Clock;
  /** Nonce to the monotonic time at which it may be forgotten, oldest first. */
  readonly #relays = new Map<string, Map<string, number>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Remembers the nonce of a request whose signature was right and whose time is in the window.
   * @returns `seen` for a replay, `full` when nothing more can be remembered
   */
  accept(relayId: string, nonce: string): 'fresh' | 'seen' | 'full' {
    const now = this.#clock.monotonic();
    const nonces = this.#noncesOf(relayId, now);
    if (nonces === undefined) return 'full';
    for (const [old, forgetAtMs] of nonces) {
      if (forgetAtMs > now) break;
      nonces.delete(old);
    }
    if (nonces.has(nonce)) return 'seen';
    if (nonces.size >= NONCES_PER_RELAY_MAX) return 'full';
    // A time up to the skew ahead stays acceptable for twice the skew.
    nonces.set(nonce, now + 2 * CLOCK_SKEW_MS_MAX);
    return 'fresh';
  }

  #noncesOf(relayId: string, now: number): Map<string, number> | undefined {
    const known = this.#relays.get(relayId);
    if (known !== undefined) return known;
    if (this.#relays.size >= RELAYS_MAX) this.#forgetSilent(now);
    if (this.#relays.size >= RELAYS_MAX) return undefined;
    const nonces = new Map<string, number>();
    this.#relays.set(relayId, nonces);
    return nonces;
  }

  #forgetSilent(now: number): void {
    for (const [relayId, nonces] of this.#relays) {
      const newest = [...nonces.values()].at(-1) ?? 0;
      if (newest <= now) this.#relays.delete(relayId);
    }
  }
}
