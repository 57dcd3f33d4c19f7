import { buildChallenge, CHALLENGE_TOKEN_BYTES, challengeBytes } from '../auth/challenge.js';
import { authenticate, type Challenge } from '../auth/long-term.js';
import type { Nonces } from '../auth/nonce.js';
import type { Principal, Verifier } from '../auth/principal.js';
import type { Realm } from '../auth/realm.js';
import { AttributeType } from '../stun/attribute-types.js';
import type { ErrorCodeOf } from '../stun/error-codes.js';
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
}

/**
 * The long-term credential mechanism of a usage (RFC 8489 section 9.2). It keeps no state of a
 * request before that is authenticated. A challenge that is longer than its request is paid from
 * the source's budget (PROTOCOL.md section 2).
 */
export class Authenticator<Proved extends Principal> {
  readonly #context: ServerContext;
  readonly #options: AuthenticatorOptions<Proved>;

  constructor(context: ServerContext, options: AuthenticatorOptions<Proved>) {
    this.#context = context;
    this.#options = options;
  }

  /** Authenticates a request. @returns undefined if that fails; the request is challenged then */
  authenticate(received: Received): AuthenticatedRequest<Proved> | undefined {
    const { message, origin } = received;
    const { remote } = origin.tuple;
    const result = authenticate(message, {
      ...this.#options,
      ip: remote.address,
      mayTry: () => this.#context.budgets.mayTry(remote),
    });
    if (!result.ok) {
      const { challenge } = result;
      this.#note(received, challenge.code, challenge.failure);
      this.#challenge(received, challenge);
      return undefined;
    }
    const { principal, signer, nonceSeconds } = result;
    return {
      ...received,
      method: message.method,
      transactionId: message.transactionId,
      tupleKey: tupleKey(origin.tuple),
      principal,
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
