import { timingSafeEqual } from 'node:crypto';
import { CLOCK_SKEW_MS_MAX, type Clock } from '../clock.js';
import { BoundedCache } from '../collections/bounded-cache.js';
import { TurnpikeError } from '../errors.js';
import { SECRET_BYTES } from '../secret-bytes.js';
import { hmac } from '../stun/hmac.js';
import { nonceKey, utcDay } from './keys.js';

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
 * exist. A feature is set in both places and accepted in either; the other reading sees an
 * unassigned bit.
 */
const PASSWORD_ALGORITHMS_BITS = 0x80_0001;
const USERNAME_ANONYMITY_BITS = 0x40_0002;

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

/** What a nonce is to the server that checks it. */
export interface NonceVerdict {
  /**
   * `fresh`; `stale` if it is genuine but has expired, or expires later than any that may be issued
   * now; else `invalid`.
   */
  readonly state: 'fresh' | 'stale' | 'invalid';
  /** Expiry of a genuine nonce, Unix seconds; 0 for an invalid one. */
  readonly expirySeconds: number;
}

/** The nonces of a usage. */
export interface Nonces {
  /**
   * Issues a nonce.
   * @param ip - canonical source address (address.ts)
   * @param leastSeconds - minimum expiry, Unix seconds
   */
  issue(ip: string, leastSeconds?: number): string;
  /**
   * Checks the NONCE of a request.
   * @param ip - canonical source address
   */
  check(ip: string, nonce: string): NonceVerdict;
}

const INVALID: NonceVerdict = { state: 'invalid', expirySeconds: 0 };

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
 * The port is not covered, because a NAT may change it between two requests. The key derives from a
 * secret and the day of the expiry, so a nonce stays valid after a restart and at other servers
 * with the same secret.
 */
export class NonceIssuer implements Nonces {
  readonly #secret: Uint8Array;
  readonly #prefix: string;
  readonly #clock: Clock;
  readonly #lifetimeSeconds: number;
  readonly #keys = new Map<number, Uint8Array>();
  readonly #genuine = new BoundedCache<string>(CACHED_NONCES_MAX);

  /**
   * @param options.secret - 32 bytes, copied
   * @param options.features - what every nonce announces
   * @param options.lifetimeSeconds - lifetime of a nonce
   * @throws TurnpikeError ERR_TURNPIKE_CONFIG for a secret of another length
   */
  constructor(options: {
    readonly secret: Uint8Array;
    readonly features: SecurityFeatures;
    readonly clock: Clock;
    readonly lifetimeSeconds: number;
  }) {
    if (options.secret.length !== SECRET_BYTES) {
      throw new TurnpikeError('ERR_TURNPIKE_CONFIG', `a nonce secret has ${SECRET_BYTES} bytes`);
    }
    // Not `slice`, which returns a view of a Buffer.
    this.#secret = new Uint8Array(options.secret);
    this.#prefix = NONCE_COOKIE + base64Of24Bits(bitsOf(options.features));
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
   * Checks a nonce in constant time.
   * @param ip - canonical source address
   * @param nonce - the request's NONCE
   */
  check(ip: string, nonce: string): NonceVerdict {
    if (nonce.length !== NONCE_CHARACTERS) return INVALID;
    const body = Buffer.from(nonce.slice(PREFIX_CHARACTERS), 'base64');
    if (body.length !== EXPIRY_BYTES + MAC_BYTES) return INVALID;
    const expirySeconds = body.readUIntBE(0, EXPIRY_BYTES);
    const nowSeconds = this.#nowSeconds();
    if (Math.abs(dayOf(expirySeconds) - dayOf(nowSeconds)) > 1) return INVALID;
    const name = `${expirySeconds} ${ip}`;
    const known = this.#genuine.get(name);
    const expected = known ?? this.#nonce(ip, expirySeconds);
    // Compares the text, because base64 has several spellings of the same bytes.
    if (!sameText(nonce, expected)) return INVALID;
    if (known === undefined) this.#genuine.set(name, expected);
    const leftSeconds = expirySeconds - nowSeconds;
    // A nonce that expires later than any issued now is from a clock that was ahead.
    const leftSecondsMax = this.#lifetimeSeconds + CLOCK_SKEW_MS_MAX / 1_000;
    const isFresh = leftSeconds > 0 && leftSeconds <= leftSecondsMax;
    return { state: isFresh ? 'fresh' : 'stale', expirySeconds };
  }

  #nonce(ip: string, expirySeconds: number): string {
    const body = Buffer.alloc(EXPIRY_BYTES + MAC_BYTES);
    body.writeUIntBE(expirySeconds, 0, EXPIRY_BYTES);
    const covered = Buffer.concat([body.subarray(0, EXPIRY_BYTES), Buffer.from(ip, 'latin1')]);
    const key = this.#key(dayOf(expirySeconds));
    body.write(hmac('sha256', key, covered, 'binary'), EXPIRY_BYTES, MAC_BYTES, 'binary');
    return this.#prefix + body.toString('base64');
  }

  #key(day: number): Uint8Array {
    const known = this.#keys.get(day);
    if (known !== undefined) return known;
    if (this.#keys.size >= KEYS_MAX) this.#keys.clear();
    const key = nonceKey(this.#secret, day);
    this.#keys.set(day, key);
    return key;
  }

  #nowSeconds(): number {
    return this.#clock.now() / 1_000;
  }
}

function dayOf(unixSeconds: number): number {
  return utcDay(unixSeconds * 1_000);
}

function bitsOf({ passwordAlgorithms, usernameAnonymity }: SecurityFeatures): number {
  return (
    (passwordAlgorithms ? PASSWORD_ALGORITHMS_BITS : 0) |
    (usernameAnonymity ? USERNAME_ANONYMITY_BITS : 0)
  );
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
