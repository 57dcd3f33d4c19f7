import { buildChallenge, challengeBytes } from '../auth/challenge.js';
import type { CredentialVerifier } from '../auth/credential-verifier.js';
import type { Credential } from '../auth/credentials.js';
import { OVERLAY_REALM } from '../auth/credentials.js';
import { type AuthenticationFailure, authenticate, type Challenge } from '../auth/long-term.js';
import type { NonceIssuer } from '../auth/nonce.js';
import type { StrangerBudgets } from '../auth/stranger-budgets.js';
import type { FiveTuple, PuntedDatagram } from '../native/types.js';
import { AttributeType, AUTHENTICATION_ATTRIBUTES } from '../stun/attribute-types.js';
import { ErrorCode } from '../stun/error-codes.js';
import { decodeMessage, type StunMessage } from '../stun/message.js';
import { Method } from '../stun/methods.js';
import { MessageWriter } from '../stun/writer.js';
import { isChallenge } from '../trunk/claim-challenge.js';
import { type Origin, tupleKey } from './leg.js';
import type { LegRequest } from './leg-request.js';
import type { Overlay } from './overlay.js';

/** What the overlay's methods understand beyond authentication. */
const KNOWN_ATTRIBUTES: ReadonlySet<number> = new Set([
  ...AUTHENTICATION_ATTRIBUTES,
  AttributeType.ConnectionIdentifier,
  AttributeType.ConnectionRole,
  AttributeType.XorPeerRelayAddress,
  AttributeType.XorPeerAddress,
  AttributeType.RequestedTransport,
  AttributeType.Lifetime,
]);

/** A header and XOR-MAPPED-ADDRESS of an IPv4 address. */
const BINDING_ANSWER_BYTES_MIN = 32;

export interface StunServerOptions {
  readonly overlay: Overlay;
  readonly verifier: CredentialVerifier;
  readonly nonces: NonceIssuer;
  readonly budgets: StrangerBudgets;
  /** A challenge of this relay's claims came; whether it is genuine is not known yet. */
  readonly onChallenge: (message: StunMessage, tuple: FiveTuple) => void;
}

/** How it is counted and said that a budget has nothing left. */
const OVER_BUDGET = {
  binding: { count: 'over_binding_budget', reason: 'over-binding-budget' },
  challenge: { count: 'over_challenge_budget', reason: 'over-challenge-budget' },
  'wrong-credential': { count: 'over_wrong_credential_budget', reason: 'over-wrong-credentials' },
} as const;

/** What an answer to a request that nobody has proved is paid from. */
type Payment = keyof typeof OVER_BUDGET;

/**
 * What peers send that is not data. Before authentication nothing is remembered, and an answer that
 * is longer than its request is paid from a budget of the source's (PROTOCOL.md section 2).
 */
export class StunServer {
  readonly #options: StunServerOptions;

  constructor(options: StunServerOptions) {
    this.#options = options;
  }

  /** Handles one datagram. Never throws for anything in it. */
  receive({ worker, tuple, data }: PuntedDatagram): void {
    const { stats, log } = this.#options.overlay.context;
    if (isKeepalive(data)) return this.#indicated(tuple);
    const decoded = decodeMessage(data);
    if (!decoded.ok) {
      stats.client.malformed += 1;
      log.dropped(tuple.remote, 'malformed');
      return;
    }
    const { message } = decoded;
    if (message.messageClass !== 'request') {
      // Responses are never answered (CVE-2024-2169), and the data plane hands up none.
      return this.#indicated(tuple);
    }
    stats.client.requests += 1;
    const origin: Origin = { worker, tuple };
    if (isChallenge(message)) this.#options.onChallenge(message, tuple);
    else if (message.method === Method.Binding) this.#binding(message, origin);
    else this.#authenticate(message, origin);
  }

  /** It keeps a NAT's mapping alive, and says that the peer lives. */
  #indicated(tuple: FiveTuple): void {
    const { stats, legs, clock } = this.#options.overlay.context;
    stats.client.indications += 1;
    legs.heard(tupleKey(tuple), clock.monotonic());
  }

  #binding(message: StunMessage, origin: Origin): void {
    const { legs, clock } = this.#options.overlay.context;
    legs.heard(tupleKey(origin.tuple), clock.monotonic());
    const unknown = message.unknownRequired(KNOWN_ATTRIBUTES);
    const { transactionId, bytes } = message;
    // The common ones, whose answer is longer in any case, pay before it is written.
    const short = bytes.length < BINDING_ANSWER_BYTES_MIN;
    if (short && !this.#pays(origin, 'binding')) return;
    const writer =
      unknown.length > 0
        ? new MessageWriter('error', Method.Binding, transactionId)
            .errorCode(ErrorCode.UnknownAttribute)
            .unknownAttributes(unknown)
        : new MessageWriter('success', Method.Binding, transactionId).address(
            AttributeType.XorMappedAddress,
            origin.tuple.remote,
          );
    if (message.has(AttributeType.Fingerprint)) writer.fingerprint();
    if (!short && writer.length > bytes.length && !this.#pays(origin, 'binding')) return;
    this.#send(origin, writer.finish());
  }

  #authenticate(message: StunMessage, origin: Origin): void {
    const { verifier, nonces, budgets } = this.#options;
    const { remote } = origin.tuple;
    const result = authenticate(message, {
      ip: remote.address,
      nonceIssuer: nonces,
      realm: OVERLAY_REALM,
      keyFor: (username, algorithm) => verifier.keyFor(username, algorithm),
      // Whoever is remembered costs one hash: neighbours of one that guesses go on.
      mayTry: (username) => verifier.knows(username) || budgets.mayTry(remote),
    });
    if (!result.ok) {
      this.#unauthenticated(message, origin, result.challenge);
      return this.#challenge(message, origin, result.challenge);
    }
    const credential = verifier.proved(result.username);
    if (!credential) return;
    const request: LegRequest = {
      origin,
      message,
      credential,
      leg: credential,
      method: message.method,
      transactionId: message.transactionId,
      signer: { kind: result.kind, key: result.key },
      tupleKey: tupleKey(origin.tuple),
      nonceSeconds: 0,
    };
    if (this.#expired(request)) {
      this.#unauthenticated(message, origin, {
        code: ErrorCode.Unauthenticated,
        failure: 'expired',
      });
      return this.#challenge(message, origin, { code: ErrorCode.Unauthenticated, cost: 'longer' });
    }
    const { legs, proven, clock } = this.#options.overlay.context;
    const leastSeconds = this.#options.overlay.context.nonces.wanted(request, legs.get(credential));
    if (leastSeconds !== undefined) {
      this.#unauthenticated(message, origin, {
        code: ErrorCode.StaleNonce,
        failure: 'earlier-nonce',
      });
      return this.#challenge(
        message,
        origin,
        { code: ErrorCode.StaleNonce, cost: 'longer' },
        leastSeconds,
      );
    }
    legs.heard(request.tupleKey, clock.monotonic());
    budgets.proved(remote);
    proven.proved(origin);
    this.#dispatch(request);
  }

  #unauthenticated(
    message: StunMessage,
    { tuple }: Origin,
    { code, failure }: { code: number; failure: AuthenticationFailure | 'expired' },
  ): void {
    const { stats, log } = this.#options.overlay.context;
    stats.authentication.add(failure);
    // The first request of everybody carries no credential.
    const username = message.text(AttributeType.Username);
    log.unauthenticated(tuple.remote, code, failure, username);
  }

  #dispatch(request: LegRequest): void {
    const { allocate, connect, refresh, context } = this.#options.overlay;
    const { responses } = context;
    const { message } = request;
    const unknown = message.unknownRequired(KNOWN_ATTRIBUTES);
    if (unknown.length > 0) {
      return responses.refused(request, 'unknown-attribute', { unknownAttributes: unknown });
    }
    const identifier = message.connectionIdentifier();
    const role = message.connectionRole();
    if (identifier === undefined) return responses.refused(request, 'attribute-missing');
    if (message.has(AttributeType.ConnectionRole) && role === undefined) {
      return responses.refused(request, 'attribute-missing');
    }
    const { credential } = request;
    if (identifier !== credential.connectionId || (role ?? credential.role) !== credential.role) {
      return responses.refused(request, 'credential-of-another-leg');
    }
    switch (request.method) {
      case Method.Allocate:
        return allocate.handle(request);
      case Method.Connect:
        return connect.handle(request);
      case Method.Refresh:
        return refresh.handle(request);
      default:
        return responses.refused(request, 'unknown-method');
    }
  }

  /**
   * An expired credential starts nothing, but keeps and ends what it has started: a Refresh, or a
   * repeated Allocate or Connect, for a leg that this 5-tuple holds, and a close from any 5-tuple.
   * A Refresh that finds no leg passes as well, to be told so: 437 is how a peer learns that its
   * connection is over when the Closed indication was lost.
   */
  #expired({ credential, message, method, tupleKey: from }: LegRequest): boolean {
    const { clock, legs } = this.#options.overlay.context;
    if (clock.now() < credential.expiresAtSeconds * 1_000) return false;
    if (!this.#namesOwnLeg(message, credential)) return true;
    const leg = legs.get(credential);
    if (!leg) return method !== Method.Refresh;
    if (method === Method.Refresh && message.lifetimeSeconds() === 0) return false;
    // A leg that has a channel has seen a Connect before.
    if (method === Method.Connect && leg.channel === undefined) return true;
    return leg.tupleKey !== from;
  }

  #namesOwnLeg(message: StunMessage, credential: Credential): boolean {
    return message.connectionIdentifier() === credential.connectionId;
  }

  #challenge(
    message: StunMessage,
    origin: Origin,
    { code, cost }: Pick<Challenge, 'code' | 'cost'>,
    leastSeconds?: number,
  ): void {
    const fingerprint = message.has(AttributeType.Fingerprint);
    const longer =
      challengeBytes({ code, realm: OVERLAY_REALM, fingerprint }) > message.bytes.length;
    if (cost === 'unpayable') return this.#overBudget(origin, 'wrong-credential');
    if (cost === 'always' && !this.#pays(origin, 'wrong-credential')) return;
    if (cost === 'longer' && longer && !this.#pays(origin, 'challenge')) return;
    const { stats } = this.#options.overlay.context;
    stats.client.challenges += 1;
    const nonce = this.#options.overlay.context.nonces.issue(
      origin.tuple.remote.address,
      leastSeconds,
    );
    this.#send(origin, buildChallenge(message, { code, realm: OVERLAY_REALM, nonce, fingerprint }));
  }

  #pays(origin: Origin, payment: Payment): boolean {
    if (this.#isPaid(origin, payment)) return true;
    this.#overBudget(origin, payment);
    return false;
  }

  #isPaid({ tuple }: Origin, payment: Payment): boolean {
    const { budgets, overlay } = this.#options;
    const { context } = overlay;
    switch (payment) {
      case 'binding':
        return budgets.binding(tuple.remote, context.proven.has(tupleKey(tuple)));
      case 'challenge':
        return budgets.challenge(tuple.remote);
      case 'wrong-credential':
        return budgets.wrong(tuple.remote);
    }
  }

  #overBudget({ tuple }: Origin, payment: Payment): void {
    const { stats, log } = this.#options.overlay.context;
    stats.client[OVER_BUDGET[payment].count] += 1;
    log.dropped(tuple.remote, OVER_BUDGET[payment].reason);
  }

  #send(origin: Origin, data: Uint8Array): void {
    this.#options.overlay.context.plane.send([{ side: 'client', tuple: origin.tuple, data }]);
  }
}

/** A Binding indication without attributes, the most frequent datagram of all; needs no decoder. */
function isKeepalive(data: Uint8Array): boolean {
  return data.length === 20 && data[0] === 0x00 && data[1] === 0x11 && data[4] === 0x21;
}
