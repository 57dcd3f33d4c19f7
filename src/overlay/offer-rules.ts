import { ErrorCode } from '../stun/error-codes.js';
import type { Offer, OfferAccepted, OfferRefused } from '../trunk/control-message.js';
import type { RemoteRelay } from '../trunk/remote-relay.js';
import type { OverlayContext } from './context.js';
import { type ConnectingLeg, isConnecting, type Leg, otherEnd, type Pairing } from './leg.js';
import { type LegPairing, offerMatches } from './leg-pairing.js';
import type { LegTransitions } from './leg-transitions.js';
import type { CountedOffer } from './received-offers.js';

/**
 * Handles other relays' offers, and the responses to this relay's offers (PROTOCOL.md section 3).
 */
export class OfferRules {
  readonly #context: OverlayContext;
  readonly #transitions: LegTransitions;
  readonly #pairing: LegPairing;

  constructor(context: OverlayContext, transitions: LegTransitions, pairing: LegPairing) {
    this.#context = context;
    this.#transitions = transitions;
    this.#pairing = pairing;
  }

  /**
   * Handles an authentic offer, at its first arrival.
   * @returns `left` if there was no room to remember it
   */
  offered(remote: RemoteRelay, offer: CountedOffer): 'left' | undefined {
    const { legs, offers, clock } = this.#context;
    const leg = legs.get(otherEnd(offer));
    if (leg?.state.type === 'established' && leg.peerRelay === remote) {
      if (this.#answerAgain(remote, leg, leg.state, offer)) return undefined;
      // Another index belongs to another leg: to an earlier one if the offer is late, else to a new
      // one that has replaced this connection's.
      if (offer.counter < leg.state.remoteCounter) return undefined;
      this.#transitions.end(leg, 'closed_by_other_side');
    }
    const now = clock.monotonic();
    if (offers.hasRefused(remote.id, offer, now)) {
      this.#pairing.refuseOffer(remote, offer);
      return undefined;
    }
    const put = offers.put(remote.id, offer, now);
    if (put === 'older') return undefined;
    // A leg that waits for the offer needs no room in the table.
    if (leg?.peerRelay === remote && isConnecting(leg)) this.#cross(leg, remote, offer);
    return put === 'full' ? 'left' : undefined;
  }

  /**
   * Handles an offer that arrives again, retransmitted or recorded: it is answered and has no
   * effect.
   */
  repeated(remote: RemoteRelay, offer: Offer): void {
    const { legs, offers, clock } = this.#context;
    const now = clock.monotonic();
    if (offers.hasRefused(remote.id, offer, now)) return this.#pairing.refuseOffer(remote, offer);
    const leg = legs.get(otherEnd(offer));
    if (leg?.peerRelay !== remote) return;
    if (leg.state.type === 'established') this.#answerAgain(remote, leg, leg.state, offer);
    if (!isConnecting(leg)) return;
    const known = offers.get(remote.id, offer, now);
    if (known && sameBytes(known.transactionId, offer.transactionId)) {
      this.#pairing.matchOffer(leg, remote, known);
    }
  }

  /** Answers an offer of the leg at the other end of this connection. @returns whether it is one */
  #answerAgain(remote: RemoteRelay, leg: Leg, pairing: Pairing, offer: Offer): boolean {
    if (pairing.remoteIndex !== offer.sessionIndex) return false;
    const { transactionId } = offer;
    if (offerMatches(offer, leg, pairing.peerAddress)) {
      const sessionIndex = leg.sessionIndex ?? 0;
      this.#context.trunk.send(remote, { type: 'offer-accepted', transactionId, sessionIndex });
    } else {
      this.#pairing.refuseOffer(remote, offer);
    }
    return true;
  }

  /**
   * Handles an offer for a leg that waits. The other peer is there now, and this relay's offer, or
   * its response, may have been lost, so it is sent again soon.
   */
  #cross(leg: ConnectingLeg, remote: RemoteRelay, theirs: Offer): void {
    this.#pairing.matchOffer(leg, remote, theirs);
    if (!isConnecting(leg) || !leg.state.attempt.offer) return;
    this.#context.sentOffers.hasten(leg.state.attempt.offer);
    this.#pairing.offer(leg);
  }

  /** Handles a success response: the other relay has bound its index and matched the offer. */
  accepted(remote: RemoteRelay, answer: OfferAccepted & { counter: number }): void {
    const { transactionId, sessionIndex: remoteIndex, counter } = answer;
    const { sentOffers, legs, closes, forwarding, offers, indexes, stats, clock } = this.#context;
    const sent = sentOffers.find(transactionId);
    if (!sent || sent.remote !== remote) return;
    const { leg } = sent;
    if (leg.state.type === 'established') return;
    if (!isConnecting(leg)) {
      // Not if another leg has this name now: that one exists.
      const living = legs.get(leg);
      if (living === undefined || living === leg) closes.send(remote, leg);
      return;
    }
    const { attempt } = leg.state;
    // A response to an offer that a newer Connect has replaced does not apply to the newer one.
    if (!attempt.offer || !sameBytes(attempt.offer.transactionId, transactionId)) return;
    stats.offerSeconds.observe((clock.monotonic() - attempt.offer.sentAt) / 1_000);
    if (!this.#pairing.bind(leg, attempt)) return;
    if (!forwarding.toRelay(leg, remote, remoteIndex)) {
      return this.#transitions.fail(leg, attempt, 'data-plane-full');
    }
    offers.deleteUpTo(remote.id, otherEnd(leg), counter);
    indexes.linkRemote(remote, remoteIndex, leg);
    remote.connections += 1;
    // Later responses to it have no effect.
    sentOffers.forget(attempt.offer);
    const { peerAddress } = attempt;
    const to = { peerAddress, other: undefined, remote, remoteIndex, remoteCounter: counter };
    this.#transitions.pair(leg, attempt, to);
  }

  /** Handles an error response, such as 403 for addresses that do not match. */
  refused(
    remote: RemoteRelay,
    { transactionId, code, counter }: OfferRefused & { counter: number },
  ): void {
    const leg = this.#offeredLeg(remote, transactionId);
    if (leg === undefined) return;
    const { attempt } = leg.state;
    this.#context.offers.deleteUpTo(remote.id, otherEnd(leg), counter);
    if (code === ErrorCode.Forbidden) {
      return this.#transitions.fail(leg, attempt, 'address-mismatch');
    }
    const phrase = `relay ${remote.id} refuses with ${code}`;
    this.#transitions.fail(leg, attempt, 'refused-by-peer-relay', phrase);
  }

  /**
   * Handles a 438: the other relay has restarted and ignored the offer, so it is sent again at
   * once.
   */
  lostByRestart(remote: RemoteRelay, transactionId: Uint8Array): void {
    const leg = this.#offeredLeg(remote, transactionId);
    // Otherwise a relay that repeats this response would trigger an offer each time.
    if (leg === undefined || leg.state.attempt.offer?.sentToStart === remote.incarnation) return;
    this.#context.sentOffers.anew(leg, leg.state.attempt);
    this.#transitions.schedule(leg);
  }

  /** Returns the leg whose attempt's present offer has this transaction. */
  #offeredLeg(remote: RemoteRelay, transactionId: Uint8Array): ConnectingLeg | undefined {
    const sent = this.#context.sentOffers.find(transactionId);
    if (!sent || sent.remote !== remote || !isConnecting(sent.leg)) return undefined;
    const { offer } = sent.leg.state.attempt;
    return offer && sameBytes(offer.transactionId, transactionId) ? sent.leg : undefined;
  }
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
