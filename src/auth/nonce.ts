import { timingSafeEqual } from 'node:crypto';
import { CLOCK_SKEW_MS_MAX, type Clock } from '../clock.js';
import { BoundedCache } from '../collections/bounded-cache.js';
import { TurnpikeError } from '../errors.js';
import { SECRET_BYTES } from '../secret-bytes.js';
import { hmac } from '../stun/hmac.js';
import { nonceKey, trunkEpoch } from './keys.js';

/** Lifetime of a nonce (PROTOCOL.md section 2). */
export const NONCE_LIFETIME_SECONDS = 3_600;

/** First characters of every NONCE of an RFC 8489 server (section 9.2). */
const NONCE_COOKIE = 'obMatJos2';
const FEATURE_CHARACTERS = 4;
/**
 * Length of the cookie with the security features: the 13 characters of RFC 8489's nonce cookie.
 */
const PREFIX_CHARACTERS = NONCE_COOKIE.length + FEATURE_CHARACTERS;

/**
 * Bits of the security features. RFC 8489 section 9.2 counts them from the most significant bit,
 * its appendix B and erratum 6290 from the least significant one, and implementations of both
 * exist. "Password algorithms" is set in both places and accepted in either; the other reading sees
 * an unassigned bit.
 */
const PASSWORD_ALGORITHMS_BITS = 0x80_0001;
const USERNAME_ANONYMITY_BITS = 0x40_0002;
const NONCE_PREFIX = NONCE_COOKIE + base64Of24Bits(PASSWORD_ALGORITHMS_BITS);

const EXPIRY_BYTES = 5;
/** 128 bits: a forgery takes 2^127 attempts on average. */
const MAC_BYTES = 16;
const BODY_CHARACTERS = ((EXPIRY_BYTES + MAC_BYTES) * 4) / 3;
/** Length of every nonce of this server. */
export const NONCE_CHARACTERS = PREFIX_CHARACTERS + BODY_CHARACTERS;
/** Maximum cached genuine nonces: a client sends its nonce several times while it connects. */
const CACHED_NONCES_MAX = 8_192;
/** Keys of yesterday, today and tomorrow, and one for the change of the day. */
const KEYS_MAX = 4;
const EXPIRY_SECONDS_MAX = 2 ** (EXPIRY_BYTES * 8) - 1;

/** The features that a server announces in its NONCE (RFC 8489 section 18.1). */
export interface SecurityFeatures {
  readonly passwordAlgorithms: boolean;
  readonly usernameAnonymity: boolean;
}

/** Result of `NonceIssuer.check`. */
export type NonceState = 'fresh' | 'stale' | 'invalid';

/**
 * Decodes the security features of a NONCE.
 * @param nonce - a NONCE of any server
 * @returns all false unless the nonce starts with the nonce cookie
 */
export function securityFeatures(nonce: string): SecurityFeatures {
  const features = nonce.slice(NONCE_COOKIE.length, PREFIX_CHARACTERS);
  const present = nonce.startsWith(NONCE_COOKIE) && /^[A-Za-z0-9+/]{4}$/.test(features);
  const bits = present ? Buffer.from(features, 'base64').readUIntBE(0, 3) : 0;
  return {
    passwordAlgorithms: (bits & PASSWORD_ALGORITHMS_BITS) !== 0,
    usernameAnonymity: (bits & USERNAME_ANONYMITY_BITS) !== 0,
  };
}

/**
 * Issues and checks nonces without storing them (PROTOCOL.md section 2). A nonce is the nonce
 * cookie, then the base64 of the expiry and of an HMAC-SHA-256 over expiry and source IP address.
 * The port is not covered, because a NAT may change it between two requests. The key derives from
 * the tenant root and the day of the expiry, so a nonce stays valid after a restart and at other
 * relays.
 */
export class NonceIssuer {
  readonly #root: Uint8Array;
  readonly #clock: Clock;
  readonly #lifetimeSeconds: number;
  readonly #keys = new Map<number, Uint8Array>();
  readonly #genuine = new BoundedCache<string>(CACHED_NONCES_MAX);

  /**
   * @param options.tenantRoot - 32 bytes, copied
   * @param options.lifetimeSeconds - lifetime of a nonce
   * @throws TurnpikeError ERR_TURNPIKE_CONFIG for a root of another length
   */
  constructor(options: {
    readonly tenantRoot: Uint8Array;
    readonly clock: Clock;
    readonly lifetimeSeconds: number;
  }) {
    if (options.tenantRoot.length !== SECRET_BYTES) {
      throw new TurnpikeError('ERR_TURNPIKE_CONFIG', `a tenant root has ${SECRET_BYTES} bytes`);
    }
    // Not `slice`, which returns a view of a Buffer.
    this.#root = new Uint8Array(options.tenantRoot);
    this.#clock = options.clock;
    this.#lifetimeSeconds = options.lifetimeSeconds;
  }

  /**
   * Issues a nonce.
   * @param ip - canonical source address (address.ts)
   * @param leastSeconds - minimum expiry, Unix seconds
   * @returns NONCE_CHARACTERS characters
   */
  issue(ip: string, leastSeconds = 0): string {
    const expiry = Math.ceil(this.#nowSeconds() + this.#lifetimeSeconds);
    return this.#nonce(ip, Math.min(Math.max(expiry, leastSeconds), EXPIRY_SECONDS_MAX));
  }

  /**
   * Returns the expiry of a nonce that `check` found genuine, Unix seconds; 0 for a malformed one.
   */
  expiryOf(nonce: string): number {
    const body = Buffer.from(nonce.slice(PREFIX_CHARACTERS, PREFIX_CHARACTERS + 8), 'base64');
    return body.length < EXPIRY_BYTES ? 0 : body.readUIntBE(0, EXPIRY_BYTES);
  }

  /**
   * Checks a nonce for a source address: `fresh`; `stale` if it is genuine but has expired, or
   * expires later than any that may be issued now; else `invalid`. Compares in constant time.
   * @param ip - canonical source address
   * @param nonce - the request's NONCE
   */
  check(ip: string, nonce: string): NonceState {
    if (nonce.length !== NONCE_CHARACTERS) return 'invalid';
    const body = Buffer.from(nonce.slice(PREFIX_CHARACTERS), 'base64');
    if (body.length !== EXPIRY_BYTES + MAC_BYTES) return 'invalid';
    const expirySeconds = body.readUIntBE(0, EXPIRY_BYTES);
    const nowSeconds = this.#nowSeconds();
    if (Math.abs(dayOf(expirySeconds) - dayOf(nowSeconds)) > 1) return 'invalid';
    const name = `${expirySeconds} ${ip}`;
    const known = this.#genuine.get(name);
    const expected = known ?? this.#nonce(ip, expirySeconds);
    // Compares the text, because base64 has several spellings of the same bytes.
    if (!sameText(nonce, expected)) return 'invalid';
    if (known === undefined) this.#genuine.set(name, expected);
    const leftSeconds = expirySeconds - nowSeconds;
    // A nonce that expires later than any issued now is from a clock that was ahead.
    const leftSecondsMax = this.#lifetimeSeconds + CLOCK_SKEW_MS_MAX / 1_000;
    return leftSeconds > 0 && leftSeconds <= leftSecondsMax ? 'fresh' : 'stale';
  }

  #nonce(ip: string, expirySeconds: number): string {
    const body = Buffer.alloc(EXPIRY_BYTES + MAC_BYTES);
    body.writeUIntBE(expirySeconds, 0, EXPIRY_BYTES);
    const covered = Buffer.concat([body.subarray(0, EXPIRY_BYTES), Buffer.from(ip, 'latin1')]);
    const key = this.#key(dayOf(expirySeconds));
    body.write(hmac('sha256', key, covered, 'binary'), EXPIRY_BYTES, MAC_BYTES, 'binary');
    return NONCE_PREFIX + body.toString('base64');
  }

  #key(day: number): Uint8Array {
    const known = this.#keys.get(day);
    if (known !== undefined) return known;
    if (this.#keys.size >= KEYS_MAX) this.#keys.clear();
    const key = nonceKey(this.#root, day);
    this.#keys.set(day, key);
    return key;
  }

  #nowSeconds(): number {
    return this.#clock.now() / 1_000;
  }
}

function dayOf(unixSeconds: number): number {
  return trunkEpoch(unixSeconds * 1_000);
}

/** Compares two texts in a time that does not depend on where they differ. */
function sameText(given: string, expected: string): boolean {
  const givenBytes = Buffer.from(given, 'utf8');
  const expectedBytes = Buffer.from(expected, 'latin1');
  return givenBytes.length === expectedBytes.length && timingSafeEqual(givenBytes, expectedBytes);
}

function base64Of24Bits(bits: number): string {
  const bytes = Buffer.alloc(3);
  bytes.writeUIntBE(bits, 0, 3);
  return bytes.toString('base64');
}
