import {
  AttributeType,
  type PasswordAlgorithm,
  PasswordAlgorithmNumber,
} from '../stun/attribute-types.js';
import { type IntegrityKind, longTermKey, verifyIntegrity } from '../stun/integrity.js';
import type { StunMessage } from '../stun/message.js';
import type { MessageWriter } from '../stun/writer.js';
import type { ConnectionGrant } from './grant.js';

/** Which integrity a peer insists on; `auto` takes SHA-256 where the relay offers it. */
export type IntegrityPreference = 'auto' | IntegrityKind;

/** Why a challenge was ignored, as if it had never been received. */
export type ChallengeFault =
  | 'challenge-incomplete'
  | 'challenge-realm'
  | 'challenge-bid-down'
  | 'challenge-algorithm';

/** RFC 8489 section 9.2: a nonce that begins so carries security features in 4 base64 digits. */
const NONCE_COOKIE = 'obMatJos2';
/** RFC 8489 section 18.1: bit 0, leftmost of the 24 feature bits, is "Password algorithms". */
const PASSWORD_ALGORITHMS_FEATURE = 0x80_00_00;

interface Challenge {
  readonly nonce: Uint8Array;
  readonly kind: IntegrityKind;
  readonly key: Uint8Array;
  /** Echoed with the algorithm chosen; left out for a relay or preference of MD5 and SHA-1. */
  readonly algorithms?: { readonly offered: Uint8Array; readonly chosen: PasswordAlgorithm };
}

/** The long-term credential mechanism of RFC 8489 section 9.2, client side, for one grant. */
export class Authenticator {
  readonly #grant: ConnectionGrant;
  readonly #preference: IntegrityPreference;
  readonly #keys: Readonly<Record<PasswordAlgorithm, Uint8Array>>;
  #challenge: Challenge | undefined;

  constructor(grant: ConnectionGrant, preference: IntegrityPreference) {
    const { username, realm, password } = grant;
    this.#grant = grant;
    this.#preference = preference;
    this.#keys = {
      md5: longTermKey('md5', username, realm, password),
      sha256: longTermKey('sha256', username, realm, password),
    };
  }

  /** The integrity of our requests; undefined until a challenge was accepted. */
  get kind(): IntegrityKind | undefined {
    return this.#challenge?.kind;
  }

  /**
   * Takes the realm, nonce and algorithms of a 401 or 438.
   * @returns undefined when later requests will answer it, else why it must be ignored
   */
  accept(message: StunMessage): ChallengeFault | undefined {
    const nonce = message.get(AttributeType.Nonce);
    const realm = message.text(AttributeType.Realm);
    if (nonce === undefined || realm === undefined) return 'challenge-incomplete';
    if (realm !== this.#grant.realm) return 'challenge-realm';
    // RFC 8489 section 9.2.5: someone on the path took the algorithms out to weaken the key.
    const offered = message.has(AttributeType.PasswordAlgorithms);
    if (!offered && announcesPasswordAlgorithms(nonce)) return 'challenge-bid-down';
    const challenge = this.#choose(nonce, message);
    if (challenge === undefined) return 'challenge-algorithm';
    this.#challenge = challenge;
    return undefined;
  }

  /** Appends credentials and integrity; must come last. @returns whether it had a challenge. */
  sign(writer: MessageWriter): boolean {
    const challenge = this.#challenge;
    if (challenge === undefined) return false;
    writer
      .text(AttributeType.Username, this.#grant.username)
      .text(AttributeType.Realm, this.#grant.realm)
      .bytes(AttributeType.Nonce, challenge.nonce);
    if (challenge.algorithms !== undefined) {
      const { offered, chosen } = challenge.algorithms;
      writer
        .bytes(AttributeType.PasswordAlgorithms, offered)
        .passwordAlgorithm(PasswordAlgorithmNumber[chosen]);
    }
    writer.integrity(challenge.kind, challenge.key);
    return true;
  }

  /** Whether the message carries integrity of our requests' kind that our key made. */
  verify(message: StunMessage): boolean {
    const challenge = this.#challenge;
    return challenge !== undefined && verifyIntegrity(message, challenge.kind, challenge.key);
  }

  #choose(nonce: Uint8Array, message: StunMessage): Challenge | undefined {
    const legacy = { nonce, kind: 'sha1', key: this.#keys.md5 } as const;
    if (this.#preference === 'sha1') return legacy;
    const offered = message.get(AttributeType.PasswordAlgorithms);
    if (offered === undefined) return this.#preference === 'auto' ? legacy : undefined;
    // Section 9.2.5: with PASSWORD-ALGORITHMS on offer only MESSAGE-INTEGRITY-SHA256 is used.
    const numbers = message.passwordAlgorithms() ?? [];
    const chosen = (['sha256', 'md5'] as const).find((algorithm) =>
      numbers.includes(PasswordAlgorithmNumber[algorithm]),
    );
    if (chosen === undefined) return undefined;
    return { nonce, kind: 'sha256', key: this.#keys[chosen], algorithms: { offered, chosen } };
  }
}

function announcesPasswordAlgorithms(nonce: Uint8Array): boolean {
  const text = Buffer.from(nonce.buffer, nonce.byteOffset, nonce.byteLength).toString('latin1');
  const features = text.slice(NONCE_COOKIE.length, NONCE_COOKIE.length + 4);
  if (!text.startsWith(NONCE_COOKIE) || !/^[A-Za-z0-9+/]{4}$/.test(features)) return false;
  return (Buffer.from(features, 'base64').readUIntBE(0, 3) & PASSWORD_ALGORITHMS_FEATURE) !== 0;
}
