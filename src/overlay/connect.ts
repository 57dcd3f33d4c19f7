import { sameAddress, type TransportAddress } from '../address.js';
import { AttributeType } from '../stun/attribute-types.js';
import { LEG_LIMITS } from '../stun/leg-limits.js';
import { copiedTransactionId } from '../stun/message.js';
import { unreachablePhrase } from '../trunk/reachability.js';
import type { Attempt } from './attempt.js';
import type { OverlayContext } from './context.js';
import { isConnecting, type Leg, type Pairing } from './leg.js';
import type { LegPairing } from './leg-pairing.js';
import { type LegRequest, livenessMsOf, type PeerRequest } from './leg-request.js';
import type { LegTransitions } from './leg-transitions.js';

/**
 * Handles Connect (PROTOCOL.md section 2): a peer asks to be connected with the peer at an address.
 * The address is only compared. The response follows when the outcome is known.
 */
export class Connect {
  readonly #context: OverlayContext;
  readonly #transitions: LegTransitions;
  readonly #pairing: LegPairing;

  constructor(context: OverlayContext, transitions: LegTransitions, pairing: LegPairing) {
    this.#context = context;
    this.#transitions = transitions;
    this.#pairing = pairing;
  }

  /** Handles a request, with the leg of its credential. */
  handle({ request, leg }: LegRequest): void {
    const { responses } = this.#context;
    const peerAddress = request.message.address(AttributeType.XorPeerAddress);
    if (peerAddress === undefined) return responses.refused(request, 'attribute-missing');
    if (!leg) return responses.refused(request, 'no-such-leg');
    if (!leg.takeTurn('connect', request.transactionId)) return responses.outdated();
    const refusal = leg.state.type === 'reserved' && leg.refusalOf(request.transactionId);
    if (refusal) return responses.refused(request, refusal.reason, { phrase: refusal.phrase });
    leg.signer = request.signer;
    leg.livenessMs = livenessMsOf(request);
    switch (leg.state.type) {
      case 'established':
        return this.#confirm(request, leg, leg.state, peerAddress);
      case 'connecting':
        this.#renew(request, leg, leg.state.attempt, peerAddress);
        break;
      default:
        if (this.#refuseUnreachable(request, leg)) return;
        if (!this.#begin(request, leg, peerAddress)) {
          return responses.refused(request, 'channels-used-up');
        }
    }
    if (isConnecting(leg)) this.#pairing.match(leg);
    // The match may have failed the attempt.
    if (isConnecting(leg)) this.#pairing.offer(leg);
  }

  /** Refuses a Connect at once if the other relay is unreachable. @returns whether it did */
  #refuseUnreachable(request: PeerRequest, leg: Leg): boolean {
    const { peerRelay } = leg;
    if (peerRelay === 'self') return false;
    const { responses } = this.#context;
    peerRelay.expectConnection();
    const { id, unreachable } = peerRelay;
    if (unreachable === undefined) return false;
    const phrase = unreachablePhrase(id, unreachable);
    leg.refuse(request.transactionId, 'peer-relay-unreachable', phrase);
    responses.refused(request, 'peer-relay-unreachable', { phrase });
    return true;
  }

  #confirm(request: PeerRequest, leg: Leg, pairing: Pairing, peerAddress: TransportAddress): void {
    const { responses } = this.#context;
    if (!sameAddress(peerAddress, pairing.peerAddress)) {
      return responses.refused(request, 'connected-elsewhere');
    }
    responses.connected(request, leg, pairing.channel);
  }

  /** Lets the newest Connect's transaction get the response, and its address count. */
  #renew(request: PeerRequest, leg: Leg, attempt: Attempt, peerAddress: TransportAddress): void {
    attempt.transactionId = copiedTransactionId(request.transactionId);
    attempt.signer = request.signer;
    const { offer } = attempt;
    if (offer) offer.owed = true;
    if (sameAddress(peerAddress, attempt.peerAddress)) return;
    attempt.peerAddress = peerAddress;
    if (offer) this.#context.sentOffers.renew(leg, offer);
  }

  /** Starts an attempt. @returns false if no channel or session index is left */
  #begin(request: PeerRequest, leg: Leg, peerAddress: TransportAddress): boolean {
    const { legs, indexes, clock, closes, sentOffers } = this.#context;
    const now = clock.monotonic();
    closes.cancel(leg);
    leg.channel ??= legs.tuples.takeChannel(leg, now);
    if (leg.channel === undefined) return false;
    const remote = leg.peerRelay === 'self' ? undefined : leg.peerRelay;
    if (remote) {
      leg.sessionIndex ??= indexes.take(now);
      if (leg.sessionIndex === undefined) return false;
    }
    const offer =
      remote && leg.sessionIndex !== undefined
        ? sentOffers.begin(leg, { remote, sessionIndex: leg.sessionIndex })
        : undefined;
    this.#transitions.connect(leg, {
      peerAddress,
      transactionId: copiedTransactionId(request.transactionId),
      signer: request.signer,
      since: now,
      deadline: now + LEG_LIMITS.connectMs,
      channel: leg.channel,
      offer,
    });
    return true;
  }
}
