import {
  AttributeType,
  type PasswordAlgorithm,
  PasswordAlgorithmNumber,
  passwordAlgorithmOf,
} from '../stun/attribute-types.js';
import { ErrorCode, type ErrorCodeOf } from '../stun/error-codes.js';
import {
  type IntegrityKind,
  integrityKind,
  USER_HASH_BYTES,
  verifyIntegrity,
} from '../stun/integrity.js';
import type { StunMessage } from '../stun/message.js';
import { type Nonces, securityFeatures } from './nonce.js';
import type { Principal, User, Verifier } from './principal.js';
import type { Realm } from './realm.js';

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

/** Integrity of messages to a client: as in its last request (PROTOCOL.md section 2). */
export interface Signer {
  readonly kind: IntegrityKind;
  readonly key: Uint8Array;
}

/** The authenticated sender with the key of the response, or the challenge to send. */
export type AuthenticationResult<Proved extends Principal> =
  | {
      readonly ok: true;
      readonly principal: Proved;
      /** The integrity that was verified; the response must have the same. */
      readonly signer: Signer;
      /** Expiry of the nonce, Unix seconds. */
      readonly nonceSeconds: number;
      /** The user as the verifier knows it. */
      readonly user: User<Proved>;
    }
  | {
      readonly ok: false;
      readonly challenge: Challenge;
      /** Set if the verifier knows no such user: the state of the nonce, which is genuine. */
      readonly unknown?: 'fresh' | 'stale';
    };

/** Input of `authenticate` besides the request. */
export interface AuthenticationContext<Proved extends Principal> {
  /** Canonical source IP address of the request. */
  readonly ip: string;
  readonly nonces: Pick<Nonces, 'check'>;
  readonly realm: Realm;
  readonly verifier: Verifier<Proved>;
  /**
   * Returns whether a credential that was not proved recently may be checked, which costs key
   * derivation and hashes. Default: always. Called only if the nonce is genuine.
   */
  readonly mayTry?: () => boolean;
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
 * Keeps no state of its own; the verifier remembers who was proved. Never throws for anything in
 * the message.
 */
export function authenticate<Proved extends Principal>(
  message: StunMessage,
  context: AuthenticationContext<Proved>,
): AuthenticationResult<Proved> {
  const kind = integrityKind(message);
  if (kind === undefined) return refused(ErrorCode.Unauthenticated, 'no-integrity');
  const username = message.text(AttributeType.Username);
  const realm = message.text(AttributeType.Realm);
  const nonce = message.text(AttributeType.Nonce);
  const named = username !== undefined || message.has(AttributeType.UserHash);
  if (!named || realm === undefined || nonce === undefined) {
    return refused(ErrorCode.BadRequest, 'attribute-missing');
  }
  const algorithm = chosenAlgorithm(message, nonce, context.realm);
  if (algorithm === undefined) return refused(ErrorCode.BadRequest, 'bid-down');
  const { state, expirySeconds } = context.nonces.check(context.ip, nonce);
  if (state === 'invalid') return refused(ErrorCode.StaleNonce, 'forged-nonce');
  if (realm !== context.realm.name) return refused(ErrorCode.Unauthenticated, 'wrong-realm');
  const user = lookUp(message, username, context);
  // A remembered user costs one hash, so clients behind the same address as a guesser continue.
  if (user?.isRemembered !== true && context.mayTry?.() === false) {
    return refused(ErrorCode.Unauthenticated, 'not-tried');
  }
  if (user === undefined) {
    return { ...refused(ErrorCode.Unauthenticated, 'unknown-user'), unknown: state };
  }
  const key = provingKey(message, kind, user.keysFor(algorithm));
  if (typeof key === 'string') return refused(ErrorCode.Unauthenticated, key);
  if (state === 'stale') return refused(ErrorCode.StaleNonce, 'stale-nonce');
  user.proved(key);
  return {
    ok: true,
    principal: user.principal,
    signer: { kind, key },
    nonceSeconds: expirySeconds,
    user,
  };
}

/**
 * Returns the access token that is the credential of a request (RFC 7635); undefined without one,
 * and in a realm that takes none.
 */
export function tokenOf(message: StunMessage, { thirdParty }: Realm): Uint8Array | undefined {
  return thirdParty === undefined ? undefined : message.get(AttributeType.AccessToken);
}

/**
 * Looks the sender up by ACCESS-TOKEN, by USERNAME, or else by USERHASH, whether or not the nonce
 * offers it: a client that learnt of anonymity before the server was set up anew continues.
 */
function lookUp<Proved extends Principal>(
  message: StunMessage,
  username: string | undefined,
  { realm, verifier }: Pick<AuthenticationContext<Proved>, 'realm' | 'verifier'>,
): User<Proved> | undefined {
  const token = tokenOf(message, realm);
  if (token !== undefined) return verifier.findByToken?.(username ?? '', token);
  if (username !== undefined) return verifier.find(username);
  const hash = message.get(AttributeType.UserHash);
  return hash?.length === USER_HASH_BYTES ? verifier.findByHash?.(hash) : undefined;
}

/** Returns the first key that gives the integrity of a request, or why there is none. */
function provingKey(
  message: StunMessage,
  kind: IntegrityKind,
  keys: Iterable<Uint8Array>,
): Uint8Array | Extract<AuthenticationFailure, 'unknown-user' | 'wrong-integrity'> {
  let failure: 'unknown-user' | 'wrong-integrity' = 'unknown-user';
  for (const key of keys) {
    if (verifyIntegrity(message, kind, key)) return key;
    failure = 'wrong-integrity';
  }
  return failure;
}

/**
 * Returns the password algorithm of a request (RFC 8489 section 9.2.4); undefined for a bid-down.
 * MD5 if both attributes are absent, as from a client of RFC 5389. Otherwise both must be present,
 * the list must be the one that was sent (which detects an attacker who strips SHA-256 from the
 * challenge), and the choice must be in it.
 */
function chosenAlgorithm(
  message: StunMessage,
  nonce: string,
  { passwordAlgorithms }: Realm,
): PasswordAlgorithm | undefined {
  const hasList = message.has(AttributeType.PasswordAlgorithms);
  const hasChoice = message.has(AttributeType.PasswordAlgorithm);
  if (!hasList && !hasChoice) return 'md5';
  // The rule applies to nonces with the nonce cookie; one without is not ours and fails later.
  if (!securityFeatures(nonce).passwordAlgorithms) return 'md5';
  const list = message.passwordAlgorithms();
  const isOurs =
    list?.length === passwordAlgorithms.length &&
    passwordAlgorithms.every((name, index) => PasswordAlgorithmNumber[name] === list[index]);
  const choice = passwordAlgorithmOf(message.passwordAlgorithm());
  return isOurs && passwordAlgorithms.some((name) => name === choice) ? choice : undefined;
}

const COSTS: Partial<Record<AuthenticationFailure, ChallengeCost>> = {
  'stale-nonce': 'none',
  'unknown-user': 'always',
  'wrong-integrity': 'always',
  'not-tried': 'unpayable',
};

function refused(
  code: Challenge['code'],
  failure: AuthenticationFailure,
): { readonly ok: false; readonly challenge: Challenge } {
  return { ok: false, challenge: { code, failure, cost: COSTS[failure] ?? 'longer' } };
}
