import { timingSafeEqual } from 'node:crypto';
import { TurnpikeError } from '../errors.js';
import { hmac } from '../stun/hmac.js';
import type { Clock } from '../units.js';
import { BoundedCache } from './bounded-cache.js';

/** Starts every NONCE of a server of RFC 8489 (section 9.2). */
const NONCE_COOKIE = 'obMatJos2';
const FEATURE_CHARACTERS = 4;
/** The cookie and the security features: the 13 characters that RFC 8489 calls nonce cookie. */
const PREFIX_CHARACTERS = NONCE_COOKIE.length + FEATURE_CHARACTERS;

/**
 * RFC 8489 section 9.2 counts security features from the most significant bit, its appendix B and
 * errata 6290 from the least significant one, and implementations of both readings exist. We set
 * "Password algorithms" in both places and honour it in either; the other reading sees an
 * unassigned bit.
 */
const PASSWORD_ALGORITHMS_BITS = 0x80_0001;
const USERNAME_ANONYMITY_BITS = 0x40_0002;
const NONCE_PREFIX = NONCE_COOKIE + base64Of24Bits(PASSWORD_ALGORITHMS_BITS);

const EXPIRY_BYTES = 5;
/** 128 bits: forging one takes 2^127 tries, each of which costs the sender's challenge budget. */
const MAC_BYTES = 16;
const BODY_CHARACTERS = ((EXPIRY_BYTES + MAC_BYTES) * 4) / 3;
/** Genuine nonces remembered: a peer shows its own several times while it connects. */
const CACHED_NONCES_MAX = 8_192;
const EXPIRY_SECONDS_MAX = 2 ** (EXPIRY_BYTES * 8) - 1;

/** What a NONCE says its server supports (RFC 8489 section 18.1). */
export interface SecurityFeatures {
  readonly passwordAlgorithms: boolean;
  readonly usernameAnonymity: boolean;
}

/** What `NonceIssuer.check` finds. */
export type NonceState = 'fresh' | 'stale' | 'invalid';

/**
 * Reads the security features out of a NONCE.
 * @param nonce - a NONCE of any server
 * @returns all false where the nonce does not start with a nonce cookie
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
 * Issues and checks nonces without remembering any (PROTOCOL.md section 2): a nonce is the nonce
 * cookie and the base64 of expiry and HMAC-SHA-256 over expiry and source IP address. The port is
 * left out because a NAT may change it between two requests. One key per process: a restart makes
 * every nonce invalid, which costs each peer one 438.
 */
export class NonceIssuer {
  readonly #key: Uint8Array;
  readonly #clock: Clock;
  readonly #lifetimeSeconds: number;
  readonly #genuine = new BoundedCache<string>(CACHED_NONCES_MAX);

  /**
   * @param options.key - 32 random bytes, copied
   * @param options.lifetimeSeconds - how long a nonce stays fresh
   * @throws TurnpikeError ERR_TURNPIKE_CONFIG for a key shorter than 32 bytes
   */
  constructor(options: {
    readonly key: Uint8Array;
    readonly clock: Clock;
    readonly lifetimeSeconds: number;
  }) {
    if (options.key.length < 32) {
      throw new TurnpikeError('ERR_TURNPIKE_CONFIG', 'a nonce key has at least 32 bytes');
    }
    // Not `slice`, which makes a view where the key is a Buffer.
    this.#key = new Uint8Array(options.key);
    this.#clock = options.clock;
    this.#lifetimeSeconds = options.lifetimeSeconds;
  }

  /**
   * @param ip - canonical source address (address.ts)
   * @returns 41 characters
   */
  issue(ip: string): string {
    return this.#nonce(ip, Math.ceil(this.#nowSeconds() + this.#lifetimeSeconds));
  }

  /**
   * Tells a nonce of ours for this source that is still fresh, or has expired (stale), from
   * anything else. The comparison takes constant time.
   * @param ip - canonical source address
   * @param nonce - the request's NONCE
   */
  check(ip: string, nonce: string): NonceState {
    if (nonce.length !== PREFIX_CHARACTERS + BODY_CHARACTERS) return 'invalid';
    const body = Buffer.from(nonce.slice(PREFIX_CHARACTERS), 'base64');
    if (body.length !== EXPIRY_BYTES + MAC_BYTES) return 'invalid';
    const expirySeconds = body.readUIntBE(0, EXPIRY_BYTES);
    const name = `${expirySeconds} ${ip}`;
    const known = this.#genuine.get(name);
    const expected = known ?? this.#nonce(ip, expirySeconds);
    // Comparing the text, not what it decodes to, leaves base64 no second spelling.
    if (!sameText(nonce, expected)) return 'invalid';
    if (known === undefined) this.#genuine.set(name, expected);
    return this.#nowSeconds() < expirySeconds ? 'fresh' : 'stale';
  }

  #nonce(ip: string, expirySeconds: number): string {
    const body = Buffer.alloc(EXPIRY_BYTES + MAC_BYTES);
    body.writeUIntBE(Math.min(expirySeconds, EXPIRY_SECONDS_MAX), 0, EXPIRY_BYTES);
    const covered = Buffer.concat([body.subarray(0, EXPIRY_BYTES), Buffer.from(ip, 'latin1')]);
    body.write(hmac('sha256', this.#key, covered, 'binary'), EXPIRY_BYTES, MAC_BYTES, 'binary');
    return NONCE_PREFIX + body.toString('base64');
  }

  /** Monotonic, so that setting the host's clock neither expires nor revives a nonce. */
  #nowSeconds(): number {
    return this.#clock.monotonic() / 1_000;
  }
}

/** Whether two texts are equal, in a time that does not tell where they differ. */
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
