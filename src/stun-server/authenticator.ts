import { buildChallenge, CHALLENGE_TOKEN_BYTES, challengeBytes } from '../auth/challenge.js';
import {
  type AuthenticationResult,
  authenticate,
  type Challenge,
  tokenOf,
} from '../auth/long-term.js';
import type { Nonces } from '../auth/nonce.js';
import type { Principal, User, Verifier } from '../auth/principal.js';
import type { Realm } from '../auth/realm.js';
import { type SoughtUser, soughtUser } from '../auth/user-lookup.js';
import { AttributeType } from '../stun/attribute-types.js';
import { ErrorCode, type ErrorCodeOf } from '../stun/error-codes.js';
import { userHash } from '../stun/integrity.js';
import type { AuthenticatedRequest } from './authenticated-request.js';
import { tupleKey } from './origin.js';
import {
  type ChallengeReason,
  dropOverBudget,
  respond,
  type ServerContext,
  spendBudget,
} from './server-context.js';
import type { Received } from './usage.js';
import type { UserLookups } from './user-lookups.js';

/** Why a usage challenges a request although its credential was proved. */
export interface Objection {
  readonly code: ErrorCodeOf<'Unauthenticated' | 'StaleNonce'>;
  readonly reason: ChallengeReason;
  /** Minimum expiry of the next nonce, Unix seconds. */
  readonly leastSeconds?: number;
}

/** What a usage authenticates by. */
export interface AuthenticatorOptions<Proved extends Principal> {
  readonly realm: Realm;
  readonly verifier: Verifier<Proved>;
  readonly nonces: Nonces;
  /** Looks up users that the verifier does not know. Default: there are no others. */
  readonly lookups?: UserLookups<Proved> | undefined;
}

/**
 * The long-term credential mechanism of a usage (RFC 8489 section 9.2). It keeps no state of a
 * request before that is authenticated. A challenge that is longer than its request is paid from
 * the source's budget (PROTOCOL.md section 2).
 */
export class Authenticator<Proved extends Principal> {
  readonly #context: ServerContext;
  readonly #options: AuthenticatorOptions<Proved>;
  readonly #proceed: (request: AuthenticatedRequest<Proved>) => void;

  /**
   * @param proceed - takes a request that is authenticated only after its user was looked up, in a
   *   later turn of the event loop
   */
  constructor(
    context: ServerContext,
    options: AuthenticatorOptions<Proved>,
    proceed: (request: AuthenticatedRequest<Proved>) => void = () => {},
  ) {
    this.#context = context;
    this.#options = options;
    this.#proceed = proceed;
  }

  /**
   * Authenticates a request.
   * @param held - the `kept` of what the request is about; it counts for requests of its name that
   *   have no access token of their own
   * @returns undefined if that fails, and the request is challenged; or if its user is looked up
   */
  authenticate(received: Received, held?: User<Proved>): AuthenticatedRequest<Proved> | undefined {
    const { lookups, verifier, realm } = this.#options;
    const { message } = received;
    if (tokenOf(message, realm) !== undefined) {
      const result = this.#check(received, verifier);
      return this.#judged(received, result, result.ok ? result.user : undefined);
    }
    if (lookups === undefined && held === undefined) {
      return this.#judged(received, this.#check(received, verifier));
    }
    const sought = soughtUser(message);
    if (held !== undefined && sought !== undefined && this.#isNameOf(sought, held)) {
      return this.#judged(received, this.#check(received, only(held)), held);
    }
    const result = this.#check(received, verifier);
    if (result.ok || sought === undefined || lookups === undefined) {
      return this.#judged(received, result);
    }
    if (result.unknown === 'stale') {
      this.challenge(received, { code: ErrorCode.StaleNonce, reason: 'stale-nonce' });
      return undefined;
    }
    // Wrong credentials of neighbours hold up nobody who has just proved another.
    const isNotTried = result.challenge.failure === 'not-tried';
    if (result.unknown === undefined && !isNotTried) return this.#judged(received, result);
    const request = this.#byKept(received, sought, lookups);
    if (request !== undefined) return request;
    if (isNotTried) return this.#judged(received, result);
    this.#lookUp(received, sought, lookups);
    return undefined;
  }

  /**
   * Authenticates a request by a result that its source got lately. One that proves nothing is
   * none: the password may be another now.
   */
  #byKept(
    received: Received,
    sought: SoughtUser,
    lookups: UserLookups<Proved>,
  ): AuthenticatedRequest<Proved> | undefined {
    const kept = lookups.kept(sought, received.origin.tuple.remote.address);
    if (kept === undefined) return undefined;
    const result = this.#check(received, only(kept));
    return result.ok ? this.#judged(received, result, kept) : undefined;
  }

  /** Has the user of a request looked up. */
  #lookUp(received: Received, sought: SoughtUser, lookups: UserLookups<Proved>): void {
    const { origin } = received;
    const { address } = origin.tuple.remote;
    const isAsked = lookups.ask(received, sought, (again, user) => {
      // It was allowed to try when its look-up began, so what others have tried since counts not.
      const result = this.#check(again, only(user), () => true);
      const request = this.#judged(again, result, user, true);
      if (request === undefined) return;
      if (user !== undefined) lookups.keep(sought, address, user);
      this.#proceed(request);
    });
    if (!isAsked) this.#context.log.dropped(origin.tuple.remote, 'over-lookup-bound');
  }

  /** Returns whether a request names a user: what is unproved has to name the whole of it. */
  #isNameOf({ username, userHash: hash }: SoughtUser, { principal }: User<Proved>): boolean {
    if (username !== undefined) return username === principal.username;
    const own = userHash(principal.username, this.#options.realm.name);
    return Buffer.from(own).toString('hex') === hash;
  }

  #check(
    { message, origin }: Received,
    verifier: Verifier<Proved>,
    mayTry = () => this.#context.budgets.mayTry(origin.tuple.remote),
  ): AuthenticationResult<Proved> {
    const { realm, nonces } = this.#options;
    const ip = origin.tuple.remote.address;
    return authenticate(message, { realm, verifier, nonces, ip, mayTry });
  }

  /**
   * Returns the request if it is authenticated, else challenges it.
   * @param isLate - whether it was received in an earlier turn of the event loop
   */
  #judged(
    received: Received,
    result: AuthenticationResult<Proved>,
    kept?: User<Proved>,
    isLate = false,
  ): AuthenticatedRequest<Proved> | undefined {
    const { message, origin } = received;
    if (!result.ok) {
      const { challenge } = result;
      this.#note(received, challenge.code, challenge.failure);
      this.#challenge(received, challenge);
      return undefined;
    }
    if (!isLate) this.#context.access?.answered(origin, message.text(AttributeType.Nonce));
    const { principal, signer, nonceSeconds } = result;
    return {
      message,
      origin,
      unknownAttributes: received.unknownAttributes,
      method: message.method,
      transactionId: message.transactionId,
      tupleKey: tupleKey(origin.tuple),
      principal,
      kept,
      signer,
      nonceSeconds,
    };
  }

  /** Challenges an authenticated request to which its usage objects. */
  challenge(received: Received, { code, reason, leastSeconds }: Objection): void {
    this.#note(received, code, reason);
    this.#challenge(received, { code, cost: 'longer' }, leastSeconds);
  }

  /** Notes that a request to which its usage does not object came from its source and 5-tuple. */
  accept({ origin }: Received): void {
    const { budgets, proven } = this.#context;
    budgets.proved(origin.tuple.remote);
    proven.proved(origin);
  }

  /** Counts and logs an unauthenticated request. Every client's first request is one. */
  #note({ message, origin }: Received, code: number, reason: ChallengeReason): void {
    const { stats, log } = this.#context;
    stats.authentication.add(reason);
    const username = message.text(AttributeType.Username);
    log.unauthenticated(origin.tuple.remote, code, reason, username);
  }

  #challenge(
    received: Received,
    { code, cost }: Pick<Challenge, 'code' | 'cost'>,
    leastSeconds?: number,
  ): void {
    const { message, origin } = received;
    const { realm, nonces } = this.#options;
    const fingerprint = message.has(AttributeType.Fingerprint);
    if (cost === 'unpayable') return dropOverBudget(this.#context, origin, 'wrong-credential');
    const bytes = challengeBytes({ code, realm, fingerprint });
    const tokens = Math.ceil(bytes / CHALLENGE_TOKEN_BYTES);
    if (cost === 'always' && !spendBudget(this.#context, origin, 'wrong-credential', tokens))
      return;
    const longer = bytes > message.bytes.length;
    if (cost === 'longer' && longer && !spendBudget(this.#context, origin, 'challenge', tokens))
      return;
    this.#context.stats.client.challenges += 1;
    const { address } = origin.tuple.remote;
    const given = cost === 'always' ? this.#freshNonceOf(received) : undefined;
    const nonce = given ?? nonces.issue(address, leastSeconds);
    this.#context.access?.challenged(origin, nonce);
    respond(this.#context, origin, buildChallenge(message, { code, realm, nonce, fingerprint }));
  }

  /**
   * Returns the nonce of a request if it is fresh. A wrong credential is challenged with it: some
   * clients take another nonce for a reason to try the same password again, without end.
   */
  #freshNonceOf({ message, origin }: Received): string | undefined {
    const nonce = message.text(AttributeType.Nonce);
    if (nonce === undefined) return undefined;
    const { state } = this.#options.nonces.check(origin.tuple.remote.address, nonce);
    return state === 'fresh' ? nonce : undefined;
  }
}

/** Knows one user, or nobody, by every name. */
function only<Proved extends Principal>(user: User<Proved> | undefined): Verifier<Proved> {
  return { find: () => user, findByHash: () => user };
}
