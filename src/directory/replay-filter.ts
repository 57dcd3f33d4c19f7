import { CLOCK_SKEW_MS_MAX, type Clock } from '../clock.js';
import { REGISTRATION_LIMITS } from '../registry/registration-limits.js';

/** Maximum request nonces of one relay that are remembered within the clock skew window. */
export const NONCES_PER_RELAY_MAX = 512;

/**
 * Remembers the nonces of genuine requests for as long as their time is acceptable, so that a
 * recorded request is not accepted again. At the bound per relay, or of relays, a request is
 * refused; an unexpired nonce is never forgotten.
 */
export class ReplayFilter {
  readonly #clock: Clock;
  /** Monotonic time (ms) at which a nonce may be forgotten, by nonce, oldest first. */
  readonly #relays = new Map<string, Map<string, number>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Remembers the nonce of a request whose signature and time are valid.
   * @returns `fresh`; `seen` for a replay; `full` at a bound
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
    // A time that lies the maximum skew ahead stays acceptable for twice the skew.
    nonces.set(nonce, now + 2 * CLOCK_SKEW_MS_MAX);
    return 'fresh';
  }

  #noncesOf(relayId: string, now: number): Map<string, number> | undefined {
    const known = this.#relays.get(relayId);
    if (known !== undefined) return known;
    if (this.#relays.size >= REGISTRATION_LIMITS.relaysRememberedMax) this.#forgetSilent(now);
    if (this.#relays.size >= REGISTRATION_LIMITS.relaysRememberedMax) return undefined;
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
