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

/** PASSWORD-ALGORITHMS of every challenge, in order of preference. */
export const PASSWORD_ALGORITHMS: readonly number[] = [
  PasswordAlgorithmNumber.sha256,
  PasswordAlgorithmNumber.md5,
];

/** Why a request is not authenticated; each value is also a counter's label. */
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
  /** A genuine, fresh nonce that is older than one already used for the leg. */
  | 'earlier-nonce';

/**
 * When a challenge is paid from the source's budget. `none`: never, for a client that has proved a
 * credential. `longer`: if it is longer than its request, which limits amplification. `always`:
 * always, since a wrong credential was tried, which limits guessing. `unpayable`: the credential
 * was not checked, because too many were wrong.
 */
export type ChallengeCost = 'none' | 'longer' | 'always' | 'unpayable';

/** The response to an unauthenticated request (`buildChallenge`). */
export interface Challenge {
  readonly code: ErrorCodeOf<'BadRequest' | 'Unauthenticated' | 'StaleNonce'>;
  readonly failure: AuthenticationFailure;
  readonly cost: ChallengeCost;
}

/** The authenticated user with the key of the response, or the challenge to send. */
export type AuthenticationResult =
  | {
      readonly ok: true;
      readonly username: string;
      /** The kind of integrity that was verified; the response must have the same. */
      readonly kind: IntegrityKind;
      readonly key: Uint8Array;
      readonly algorithm: PasswordAlgorithm;
    }
  | { readonly ok: false; readonly challenge: Challenge };

/** Input of `authenticate` besides the request. */
export interface AuthenticationContext {
  /** Canonical source IP address of the request. */
  readonly ip: string;
  readonly nonceIssuer: NonceIssuer;
  readonly realm: string;
  /**
   * Returns a user's long-term key; undefined for an unknown user. Called only if the nonce was
   * issued to this source, so that forged sources cost no key derivation.
   */
  readonly keyFor: (username: string, algorithm: PasswordAlgorithm) => Uint8Array | undefined;
  /**
   * Returns whether the credential may be checked, which costs key derivation and hashes. Default:
   * always. Called only if the nonce is genuine.
   */
  readonly mayTry?: (username: string) => boolean;
}

/**
 * The server's side of the long-term credential mechanism: the checks of RFC 8489 section 9.2.4, in
 * its order with one exception. A nonce that was not issued to this source is answered 438 before
 * any key is derived. The RFC checks the nonce last, so that a flood from forged sources would cost
 * three HMACs per packet.
 *
 * The age of a nonce is checked last, as in the RFC. The 438 to a stale nonce is paid from no
 * budget, so it goes only to a client that has proved its credential. Otherwise anybody who once
 * held an address could have unlimited challenges sent to it.
 *
 * Keeps no state. Never throws for anything in the message.
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
  // The nonces of this server do not offer USERHASH, so no user is looked up by it.
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
 * Returns the password algorithm of a request (RFC 8489 section 9.2.4); undefined for a bid-down.
 * MD5 if both attributes are absent, as from a client of RFC 5389. Otherwise both must be present,
 * the list must be the one that was sent (which detects an attacker who strips SHA-256 from the
 * challenge), and the choice must be in it.
 */
function chosenAlgorithm(message: StunMessage, nonce: string): PasswordAlgorithm | undefined {
  const hasList = message.has(AttributeType.PasswordAlgorithms);
  const hasChoice = message.has(AttributeType.PasswordAlgorithm);
  if (!hasList && !hasChoice) return 'md5';
  // The rule applies to nonces with the nonce cookie; one without is not ours and fails later.
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
