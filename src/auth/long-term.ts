import {
  AttributeType,
  type PasswordAlgorithm,
  PasswordAlgorithmNumber,
  passwordAlgorithmOf,
} from '../stun/attribute-types.js';
import { ErrorCode, type ErrorCodeOf } from '../stun/error-codes.js';
import { type IntegrityKind, integrityKind, verifyIntegrity } from '../stun/integrity.js';
import type { StunMessage } from '../stun/message.js';
import { type NonceIssuer, securityFeatures } from './nonce.js';

/** What PASSWORD-ALGORITHMS says in every challenge of ours, in order of preference. */
export const PASSWORD_ALGORITHMS: readonly number[] = [
  PasswordAlgorithmNumber.sha256,
  PasswordAlgorithmNumber.md5,
];

/** Why a request was not authenticated; each is a counter's name at the relay. */
export type AuthenticationFailure =
  | 'no-integrity'
  | 'attribute-missing'
  | 'bid-down'
  | 'forged-nonce'
  | 'wrong-realm'
  | 'unknown-user'
  | 'wrong-integrity'
  | 'stale-nonce'
  | 'not-tried'
  /** Genuine and fresh, but of an earlier life of the leg. */
  | 'earlier-nonce';

/**
 * When the answer is paid from the source's budget: `none` for a peer that has proved a credential;
 * `longer` where it is longer than the request, so that nobody is sent more than somebody sent;
 * `always` where a credential was tried and was wrong, which bounds guessing. `unpayable`: too many
 * were wrong, and this one was not looked at.
 */
export type ChallengeCost = 'none' | 'longer' | 'always' | 'unpayable';

/** What to answer to a request that is not authenticated: see `buildChallenge`. */
export interface Challenge {
  readonly code: ErrorCodeOf<'BadRequest' | 'Unauthenticated' | 'StaleNonce'>;
  readonly failure: AuthenticationFailure;
  readonly cost: ChallengeCost;
}

export type AuthenticationResult =
  | {
      readonly ok: true;
      readonly username: string;
      /** The integrity that was checked, and that the answer must carry. */
      readonly kind: IntegrityKind;
      readonly key: Uint8Array;
      readonly algorithm: PasswordAlgorithm;
    }
  | { readonly ok: false; readonly challenge: Challenge };

export interface AuthenticationContext {
  /** Canonical source address of the request. */
  readonly ip: string;
  readonly nonceIssuer: NonceIssuer;
  readonly realm: string;
  /**
   * The long-term key of a user; undefined when there is no such user. Called only for a request
   * whose nonce was issued to this source, so that invented sources cost no key derivation.
   */
  readonly keyFor: (username: string, algorithm: PasswordAlgorithm) => Uint8Array | undefined;
  /**
   * Whether the credential is looked at, which costs the relay keys and hashes; default always.
   * Asked when the nonce is known to be genuine.
   */
  readonly mayTry?: (username: string) => boolean;
}

/**
 * The server's side of the long-term credential mechanism: the checks of RFC 8489 section 9.2.4 in
 * its order, with one exception. A nonce that was never issued to this source is answered 438
 * before any key is derived; the RFC looks at the nonce last, which would let a flood from invented
 * sources buy three HMACs for each packet.
 *
 * The age of a nonce is checked last, as the RFC says. The 438 to a stale nonce is paid from no
 * budget, so it goes only to a client that has proved its credential: otherwise anybody who once
 * held an address could have challenges sent to it without limit.
 *
 * Keeps no state, and never throws for anything in the message.
 */
export function authenticate(
  message: StunMessage,
  context: AuthenticationContext,
): AuthenticationResult {
  const kind = integrityKind(message);
  if (kind === undefined) return refused(ErrorCode.Unauthenticated, 'no-integrity');
  const username = message.text(AttributeType.Username);
  const realm = message.text(AttributeType.Realm);
  const nonce = message.text(AttributeType.Nonce);
  const named = username !== undefined || message.has(AttributeType.UserHash);
  if (!named || realm === undefined || nonce === undefined) {
    return refused(ErrorCode.BadRequest, 'attribute-missing');
  }
  const algorithm = chosenAlgorithm(message, nonce);
  if (algorithm === undefined) return refused(ErrorCode.BadRequest, 'bid-down');
  const nonceState = context.nonceIssuer.check(context.ip, nonce);
  if (nonceState === 'invalid') return refused(ErrorCode.StaleNonce, 'forged-nonce');
  if (realm !== context.realm) return refused(ErrorCode.Unauthenticated, 'wrong-realm');
  if (username !== undefined && context.mayTry?.(username) === false) {
    return refused(ErrorCode.Unauthenticated, 'not-tried');
  }
  // The nonces of this server do not ask for USERHASH, so no user is looked up by one.
  const key = username === undefined ? undefined : context.keyFor(username, algorithm);
  if (username === undefined || key === undefined) {
    return refused(ErrorCode.Unauthenticated, 'unknown-user');
  }
  if (!verifyIntegrity(message, kind, key)) {
    return refused(ErrorCode.Unauthenticated, 'wrong-integrity');
  }
  if (nonceState === 'stale') return refused(ErrorCode.StaleNonce, 'stale-nonce');
  return { ok: true, username, kind, key, algorithm };
}

/**
 * The password algorithm of a request (RFC 8489 section 9.2.4): MD5 where neither attribute is
 * there, as with a client of RFC 5389; else both must be, the list must be the one we sent (an
 * attacker who strips SHA-256 from the challenge is detected here), and the choice must be in it.
 */
function chosenAlgorithm(message: StunMessage, nonce: string): PasswordAlgorithm | undefined {
  const hasList = message.has(AttributeType.PasswordAlgorithms);
  const hasChoice = message.has(AttributeType.PasswordAlgorithm);
  if (!hasList && !hasChoice) return 'md5';
  // The rule holds for nonces with the cookie; one without is none of ours and fails by itself.
  if (!securityFeatures(nonce).passwordAlgorithms) return 'md5';
  const list = message.passwordAlgorithms();
  const isOurs =
    list?.length === PASSWORD_ALGORITHMS.length &&
    list.every((number, index) => number === PASSWORD_ALGORITHMS[index]);
  return isOurs ? passwordAlgorithmOf(message.passwordAlgorithm()) : undefined;
}

const COSTS: Partial<Record<AuthenticationFailure, ChallengeCost>> = {
  'stale-nonce': 'none',
  'unknown-user': 'always',
  'wrong-integrity': 'always',
  'not-tried': 'unpayable',
};

function refused(code: Challenge['code'], failure: AuthenticationFailure): AuthenticationResult {
  return { ok: false, challenge: { code, failure, cost: COSTS[failure] ?? 'longer' } };
}
