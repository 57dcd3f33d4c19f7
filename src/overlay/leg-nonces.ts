import { NONCE_LIFETIME_SECONDS, type Nonces, type NonceVerdict } from '../auth/nonce.js';
import type { Clock } from '../clock.js';
import type { RandomBytes } from '../random.js';
import { SECRET_BYTES } from '../secret-bytes.js';
import { hmac } from '../stun/hmac.js';
import { Method } from '../stun/methods.js';
import { type Leg, legKey } from './leg.js';
import type { PeerRequest } from './leg-request.js';

/** Maximum extra lifetime of a nonce that must be newer than another one. */
export const NONCE_AHEAD_SECONDS = 30;

/** Slots for the newest nonce seen under a leg's name; 4 bytes each. */
export const USED_NONCES_MAX = 262_144;

export interface LegNoncesOptions {
  readonly issuer: Nonces;
  readonly clock: Clock;
  readonly random: RandomBytes;
}

/**
 * Decides which nonces are valid for a leg, so that a request recorded for an earlier leg of the
 * same name has no effect on a later one (PROTOCOL.md section 2, Recorded requests). A leg accepts
 * no nonce older than the one of its Allocate. An Allocate needs a nonce newer than all that its
 * name has seen before.
 *
 * The newest nonce of each name is kept in a table of fixed size, by a keyed hash. Two names with
 * one slot cost one of them another challenge; without the key nobody can aim at that.
 */
export class LegNonces implements Nonces {
  readonly #issuer: Nonces;
  readonly #clock: Clock;
  readonly #key: Uint8Array;
  /** By slot: the latest expiry of a used nonce, Unix seconds. */
  readonly #used = new Uint32Array(USED_NONCES_MAX);
  /** Expiry later than that of any nonce issued before this process started, Unix seconds. */
  readonly #firstSeconds: number;

  constructor({ issuer, clock, random }: LegNoncesOptions) {
    this.#issuer = issuer;
    this.#clock = clock;
    this.#key = random(SECRET_BYTES);
    this.#firstSeconds = this.#issuedNow() + 1;
  }

  /**
   * Issues a nonce for a challenge.
   * @param ip - canonical source address
   * @param leastSeconds - minimum expiry as `wanted` returned it, Unix seconds
   */
  issue(ip: string, leastSeconds = 0): string {
    return this.#issuer.issue(ip, this.#attainable(Math.max(leastSeconds, this.#firstSeconds)));
  }

  /** Checks a nonce, as `Nonces.check`. */
  check(ip: string, nonce: string): NonceVerdict {
    return this.#issuer.check(ip, nonce);
  }

  /**
   * Checks the nonce of an authenticated request.
   * @param leg - the leg that the request names, if it exists
   * @returns undefined if the nonce is valid, else the minimum expiry of a valid one, Unix seconds
   */
  wanted(
    { method, principal, nonceSeconds: seconds }: PeerRequest,
    leg: Leg | undefined,
  ): number | undefined {
    // Such a nonce comes from a relay whose clock is ahead, and would count as newer than later
    // ones.
    if (seconds > this.#issuedNow() + NONCE_AHEAD_SECONDS) return 0;
    if (leg) {
      const least = this.#attainable(leg.nonceFrom);
      if (seconds < least) return least;
      leg.nonceNewest = Math.max(leg.nonceNewest, seconds);
      return undefined;
    }
    const slot = this.#slotOf(legKey(principal.claims));
    if (method !== Method.Allocate) {
      // The leg no longer exists: mark the nonce as used, so that a recording cannot affect a later
      // leg.
      this.#raise(slot, seconds);
      return undefined;
    }
    const used = this.#used[slot] as number;
    const least = this.#attainable(Math.max(used + 1, this.#firstSeconds));
    if (seconds < least) return least;
    // Also if the Allocate is then refused: a recording of it must not succeed later.
    this.#raise(slot, seconds);
    return undefined;
  }

  /** Records the newest nonce of a leg that has ended. */
  ended({ key, nonceNewest }: Leg): void {
    this.#raise(this.#slotOf(key), nonceNewest);
  }

  #raise(slot: number, seconds: number): void {
    if (seconds > (this.#used[slot] as number)) this.#used[slot] = seconds;
  }

  /** Limits a required expiry to what a nonce can have now, in case the clock was set back. */
  #attainable(seconds: number): number {
    return Math.min(seconds, this.#issuedNow() + NONCE_AHEAD_SECONDS);
  }

  #issuedNow(): number {
    return Math.ceil(this.#clock.now() / 1_000 + NONCE_LIFETIME_SECONDS);
  }

  #slotOf(name: string): number {
    const digest = hmac('sha256', this.#key, Buffer.from(name, 'latin1'), 'binary');
    const bits = digest.charCodeAt(0) | (digest.charCodeAt(1) << 8) | (digest.charCodeAt(2) << 16);
    return bits % USED_NONCES_MAX;
  }
}
