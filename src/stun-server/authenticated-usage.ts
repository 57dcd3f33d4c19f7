import { buildChallenge, challengeBytes } from '../auth/challenge.js';
import { authenticate, type Challenge } from '../auth/long-term.js';
import type { NonceIssuer } from '../auth/nonce.js';
import type { TenantVerifier } from '../auth/tenant-verifier.js';
import { AttributeType, AUTHENTICATION_ATTRIBUTES } from '../stun/attribute-types.js';
import type { ErrorCodeOf } from '../stun/error-codes.js';
import type { StunMessage } from '../stun/message.js';
import type { AuthenticatedRequest } from './authenticated-request.js';
import { type Origin, tupleKey } from './origin.js';
import {
  type ChallengeReason,
  dropOverBudget,
  pays,
  respond,
  type ServerContext,
} from './server-context.js';
import type { Usage } from './usage.js';

/** One method of a usage. */
export interface MethodEntry<Claims> {
  /** Comprehension-required attributes that it knows, besides those of authentication. */
  readonly attributes: readonly number[];
  readonly handle: (request: AuthenticatedRequest<Claims>) => void;
}

/** Why a usage challenges a request although its credential was proved. */
export interface Objection {
  readonly code: ErrorCodeOf<'Unauthenticated' | 'StaleNonce'>;
  readonly reason: ChallengeReason;
  /** Minimum expiry of the next nonce, Unix seconds. */
  readonly leastSeconds?: number;
}

/** The methods of a usage that authenticates every request, by credentials of one kind. */
export interface AuthenticatedMethods<Claims> {
  readonly realm: string;
  readonly verifier: TenantVerifier<Claims>;
  readonly methods: ReadonlyMap<number, MethodEntry<Claims>>;
  takes(message: StunMessage): boolean;
  /** Returns a nonce for a challenge to a source address. */
  issueNonce(ip: string, leastSeconds?: number): string;
  /** Returns the usage's own objection to an authenticated request; undefined if there is none. */
  objection(request: AuthenticatedRequest<Claims>): Objection | undefined;
  /** Answers 420. */
  refuseAttributes(request: AuthenticatedRequest<Claims>, unknown: readonly number[]): void;
  /** Answers a method that is not in the table. */
  refuseMethod(request: AuthenticatedRequest<Claims>): void;
}

/** Returns the comprehension-required attributes that requests of these methods may have. */
export function knownAttributes<Claims>(
  methods: ReadonlyMap<number, MethodEntry<Claims>>,
): ReadonlySet<number> {
  const entries = [...methods.values()];
  return new Set([...AUTHENTICATION_ATTRIBUTES, ...entries.flatMap((each) => each.attributes)]);
}

/**
 * A usage with the long-term credential mechanism (RFC 8489 section 9.2). It keeps no state of a
 * request before that is authenticated. A challenge that is longer than its request is paid from
 * the source's budget (PROTOCOL.md section 2).
 */
export class AuthenticatedUsage<Claims> implements Usage {
  readonly #context: ServerContext;
  readonly #usage: AuthenticatedMethods<Claims>;
  readonly #nonces: NonceIssuer;
  readonly #known: ReadonlySet<number>;

  /** @param nonces - checks the nonces of requests */
  constructor(context: ServerContext, usage: AuthenticatedMethods<Claims>, nonces: NonceIssuer) {
    this.#context = context;
    this.#usage = usage;
    this.#nonces = nonces;
    this.#known = knownAttributes(usage.methods);
  }

  takes(message: StunMessage): boolean {
    return this.#usage.takes(message);
  }

  receive(message: StunMessage, origin: Origin): void {
    const request = this.#authenticated(message, origin);
    if (request === undefined) return;
    const objection = this.#usage.objection(request);
    if (objection !== undefined) {
      const { code, reason, leastSeconds } = objection;
      this.#note(message, origin, code, reason);
      return this.#challenge(message, origin, { code, cost: 'longer' }, leastSeconds);
    }
    const { onHeard, budgets, proven } = this.#context;
    onHeard(request.tupleKey);
    budgets.proved(origin.tuple.remote);
    proven.proved(origin);
    this.#dispatch(request);
  }

  /** Authenticates a request; challenges it and returns undefined if that fails. */
  #authenticated(message: StunMessage, origin: Origin): AuthenticatedRequest<Claims> | undefined {
    const { realm, verifier } = this.#usage;
    const { budgets } = this.#context;
    const { remote } = origin.tuple;
    const result = authenticate(message, {
      ip: remote.address,
      nonceIssuer: this.#nonces,
      realm,
      keyFor: (username, algorithm) => verifier.keyFor(username, algorithm),
      // A cached username costs one hash, so clients behind the same address as a guesser continue.
      mayTry: (username) => verifier.knows(username) || budgets.mayTry(remote),
    });
    if (!result.ok) {
      const { challenge } = result;
      this.#note(message, origin, challenge.code, challenge.failure);
      this.#challenge(message, origin, challenge);
      return undefined;
    }
    const principal = verifier.proved(result.username);
    if (principal === undefined) return undefined;
    return {
      message,
      method: message.method,
      transactionId: message.transactionId,
      origin,
      tupleKey: tupleKey(origin.tuple),
      principal,
      signer: { kind: result.kind, key: result.key },
      nonceSeconds: this.#nonces.expiryOf(message.text(AttributeType.Nonce) ?? ''),
    };
  }

  #dispatch(request: AuthenticatedRequest<Claims>): void {
    const unknown = request.message.unknownRequired(this.#known);
    if (unknown.length > 0) return this.#usage.refuseAttributes(request, unknown);
    const entry = this.#usage.methods.get(request.method);
    if (entry === undefined) return this.#usage.refuseMethod(request);
    entry.handle(request);
  }

  /** Counts and logs an unauthenticated request. Every client's first request is one. */
  #note(message: StunMessage, origin: Origin, code: number, reason: ChallengeReason): void {
    const { stats, log } = this.#context;
    stats.authentication.add(reason);
    const username = message.text(AttributeType.Username);
    log.unauthenticated(origin.tuple.remote, code, reason, username);
  }

  #challenge(
    message: StunMessage,
    origin: Origin,
    { code, cost }: Pick<Challenge, 'code' | 'cost'>,
    leastSeconds?: number,
  ): void {
    const { realm } = this.#usage;
    const fingerprint = message.has(AttributeType.Fingerprint);
    const longer = challengeBytes({ code, realm, fingerprint }) > message.bytes.length;
    if (cost === 'unpayable') return dropOverBudget(this.#context, origin, 'wrong-credential');
    if (cost === 'always' && !pays(this.#context, origin, 'wrong-credential')) return;
    if (cost === 'longer' && longer && !pays(this.#context, origin, 'challenge')) return;
    this.#context.stats.client.challenges += 1;
    const nonce = this.#usage.issueNonce(origin.tuple.remote.address, leastSeconds);
    respond(this.#context, origin, buildChallenge(message, { code, realm, nonce, fingerprint }));
  }
}
