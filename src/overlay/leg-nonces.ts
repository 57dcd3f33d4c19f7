import { NONCE_LIFETIME_SECONDS, type NonceIssuer } from '../auth/nonce.js';
import type { Clock } from '../clock.js';
import type { RandomBytes } from '../random.js';
import { SECRET_BYTES } from '../secret-bytes.js';
import { hmac } from '../stun/hmac.js';
import { Method } from '../stun/methods.js';
import type { AuthenticatedRequest } from '../stun-server/authenticated-request.js';
import type { LegName } from '../trunk/control-message.js';
import { type Leg, legKey } from './leg.js';

/** A nonce that must be newer than another one may expire so much later than usual. */
export const NONCE_AHEAD_SECONDS = 30;

/** Places for the newest nonce that was seen under a leg's name; 4 bytes each. */
export const USED_NONCES_MAX = 262_144;

export interface LegNoncesOptions {
  readonly issuer: NonceIssuer;
  readonly clock: Clock;
  readonly random: RandomBytes;
}

/**
 * Which nonces still count for a leg, so that nothing recorded in an earlier life of it changes a
 * later one (PROTOCOL.md section 2, Recorded requests). A leg takes no nonce older than the one
 * that made it, and is made by one that is newer than all that its name has seen before.
 *
 * What names have seen is remembered by a keyed hash in a table of fixed size: two names that share
 * a place cost one of them another challenge, and nobody can aim for that without the key.
 */
export class LegNonces {
  readonly #issuer: NonceIssuer;
  readonly #clock: Clock;
  readonly #key: Uint8Array;
  /** By name: the latest expiry of a nonce that has been used, in Unix seconds. */
  readonly #used = new Uint32Array(USED_NONCES_MAX);
  /** Later than what any process before this one issued. */
  readonly #firstSeconds: number;

  constructor({ issuer, clock, random }: LegNoncesOptions) {
    this.#issuer = issuer;
    this.#clock = clock;
    this.#key = random(SECRET_BYTES);
    this.#firstSeconds = this.#issuedNow() + 1;
  }

  /**
   * A nonce for a challenge.
   * @param leastSeconds - the expiry that it must have at least, as `wanted` returned it
   */
  issue(ip: string, leastSeconds = 0): string {
    return this.#issuer.issue(ip, this.#attainable(Math.max(leastSeconds, this.#firstSeconds)));
  }

  /**
   * Judges the nonce of an authenticated request.
   * @param leg - the one that the request is about, if it is there
   * @returns undefined where it counts, else which expiry a nonce must have at least, Unix seconds
   */
  wanted(
    { method, principal, nonceSeconds: seconds }: AuthenticatedRequest<LegName>,
    leg: Leg | undefined,
  ): number | undefined {
    // Issued by a relay whose clock is ahead: it would count as newer than nonces to come.
    if (seconds > this.#issuedNow() + NONCE_AHEAD_SECONDS) return 0;
    if (leg) {
      const least = this.#attainable(leg.nonceFrom);
      if (seconds < least) return least;
      leg.nonceNewest = Math.max(leg.nonceNewest, seconds);
      return undefined;
    }
    const place = this.#placeOf(legKey(principal.claims));
    if (method !== Method.Allocate) {
      // Its leg is gone: mark the nonce as used, so that a recording cannot reach a later leg.
      this.#raise(place, seconds);
      return undefined;
    }
    const used = this.#used[place] as number;
    const least = this.#attainable(Math.max(used + 1, this.#firstSeconds));
    if (seconds < least) return least;
    // Also where the Allocate is refused afterwards: a recording of it must not be granted later.
    this.#raise(place, seconds);
    return undefined;
  }

  /** A leg has ended. */
  ended({ key, nonceNewest }: Leg): void {
    this.#raise(this.#placeOf(key), nonceNewest);
  }

  #raise(place: number, seconds: number): void {
    if (seconds > (this.#used[place] as number)) this.#used[place] = seconds;
  }

  /** After the clock was set back, a nonce is not held to an expiry that none can have now. */
  #attainable(seconds: number): number {
    return Math.min(seconds, this.#issuedNow() + NONCE_AHEAD_SECONDS);
  }

  #issuedNow(): number {
    return Math.ceil(this.#clock.now() / 1_000 + NONCE_LIFETIME_SECONDS);
  }

  #placeOf(name: string): number {
    const digest = hmac('sha256', this.#key, Buffer.from(name, 'latin1'), 'binary');
    const bits = digest.charCodeAt(0) | (digest.charCodeAt(1) << 8) | (digest.charCodeAt(2) << 16);
    return bits % USED_NONCES_MAX;
  }
}
