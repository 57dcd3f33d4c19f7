import { ErrorCode } from '../stun/error-codes.js';
import type { Offer, OfferAccepted, OfferRefused } from '../trunk/control-message.js';
import type { RemoteRelay } from '../trunk/remote-relay.js';
import type { OverlayContext } from './context.js';
import { type ConnectingLeg, isConnecting, type Leg, otherEnd, type Pairing } from './leg.js';
import { type LegPairing, offerMatches } from './leg-pairing.js';
import type { LegTransitions } from './leg-transitions.js';
import type { CountedOffer } from './received-offers.js';

/** The rules of trunk offers: other relays' to this one, and answers to its own (PROTOCOL.md 3). */
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
   * Another relay's offer, authentic and from a source of that relay, for the first time.
   * @returns `left` where there was no room to remember it
   */
  offered(remote: RemoteRelay, offer: CountedOffer): 'left' | undefined {
    const { legs, offers, clock } = this.#context;
    const leg = legs.get(otherEnd(offer));
    if (leg?.state.type === 'established' && leg.peerRelay === remote) {
      if (this.#answerAgain(remote, leg, leg.state, offer)) return undefined;
      // Another index is another leg: an earlier one, late, or the one that came after that which
      // this connection led to.
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
    // A leg that waits for it needs no place in the table, which may be full.
    if (leg?.peerRelay === remote && isConnecting(leg)) this.#cross(leg, remote, offer);
    return put === 'full' ? 'left' : undefined;
  }

  /** The same offer once more, from that relay or of a recording: it can only be answered again. */
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

  /** Answers an offer of the leg that this connection leads to. @returns whether it is one */
  #answerAgain(remote: RemoteRelay, leg: Leg, pairing: Pairing, offer: Offer): boolean {
    if (pairing.remoteIndex !== offer.sessionIndex) return false;
    const { transactionId } = offer;
    if (offerMatches(offer, leg, pairing.claimed)) {
      const sessionIndex = leg.sessionIndex ?? 0;
      this.#context.trunk.send(remote, { type: 'offer-accepted', transactionId, sessionIndex });
    } else {
      this.#pairing.refuseOffer(remote, offer);
    }
    return true;
  }

  /**
   * An offer comes for a leg that waits: its peer is there now, and our own offer, or the answer
   * to it, may have been lost.
   */
  #cross(leg: ConnectingLeg, remote: RemoteRelay, theirs: Offer): void {
    this.#pairing.matchOffer(leg, remote, theirs);
    if (!isConnecting(leg) || !leg.state.attempt.offer) return;
    this.#context.sentOffers.hasten(leg.state.attempt.offer);
    this.#pairing.offer(leg);
  }

  /** The other relay has bound its index and matched our offer. */
  accepted(remote: RemoteRelay, answer: OfferAccepted & { counter: number }): void {
    const { transactionId, sessionIndex: remoteIndex, counter } = answer;
    const { sentOffers, legs, closes, forwarding, offers, indexes } = this.#context;
    const sent = sentOffers.find(transactionId);
    if (!sent || sent.remote !== remote) return;
    const { leg } = sent;
    if (leg.state.type === 'established') return;
    if (!isConnecting(leg)) {
      // Not where another leg lives under the name by now: that one is not gone.
      const living = legs.get(leg);
      if (living === undefined || living === leg) closes.send(remote, leg);
      return;
    }
    const { attempt } = leg.state;
    // The answer to an offer that a newer Connect has replaced says nothing of the newer one.
    if (!attempt.offer || !sameBytes(attempt.offer.transactionId, transactionId)) return;
    if (!this.#pairing.bind(leg, attempt)) return;
    if (!forwarding.toRelay(leg, remote, remoteIndex)) {
      return this.#transitions.fail(leg, attempt, 'data-plane-full');
    }
    offers.deleteUpTo(remote.id, otherEnd(leg), counter);
    indexes.linkRemote(remote, remoteIndex, leg);
    remote.connections += 1;
    // A later answer to it would change nothing any more.
    sentOffers.forget(attempt.offer);
    const { claimed } = attempt;
    const to = { claimed, other: undefined, remote, remoteIndex, remoteCounter: counter };
    this.#transitions.pair(leg, attempt, to);
  }

  /** The other relay says that the addresses do not match. */
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

  /** The other relay has started anew and did nothing with our offer: it is made again at once. */
  lostByRestart(remote: RemoteRelay, transactionId: Uint8Array): void {
    const leg = this.#offeredLeg(remote, transactionId);
    // Else one that says so of its only start has offers sent as fast as it answers.
    if (leg === undefined || leg.state.attempt.offer?.sentToStart === remote.incarnation) return;
    this.#context.sentOffers.anew(leg, leg.state.attempt);
    this.#transitions.schedule(leg);
  }

  /** The leg whose attempt the newest offer of that transaction belongs to. */
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
