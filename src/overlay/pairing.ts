import { sameAddress, type TransportAddress } from '../address.js';
import { isTurnpikeError } from '../errors.js';
import { AttributeType } from '../stun/attribute-types.js';
import { ErrorCode } from '../stun/error-codes.js';
import { copiedTransactionId } from '../stun/message.js';
import type { Offer, OfferAccepted, OfferRefused } from '../trunk/control-message.js';
import { unreachablePhrase } from '../trunk/reachability.js';
import type { RemoteRelay } from '../trunk/remote-relay.js';
import { livenessMsOf } from './allocation.js';
import type { OverlayContext } from './context.js';
import { type Attempt, expiryOf, type Leg, otherEnd, type Pairing } from './leg.js';
import { connectTarget, type LegLife } from './leg-life.js';
import { LEG_LIMITS } from './leg-limits.js';
import type { LegRequest } from './leg-request.js';
import type { CountedOffer } from './received-offers.js';
import type { SentOffers } from './sent-offers.js';

/** What an established leg leads to. */
type Established = Pick<Pairing, 'claimed' | 'other' | 'remote' | 'remoteIndex' | 'remoteCounter'>;

type ConnectingLeg = Leg & { state: { type: 'connecting'; attempt: Attempt } };

/**
 * The rules that join two legs: a peer's Connect, another relay's offer, and the answer to ours
 * (PROTOCOL.md sections 2 and 3). An address in a Connect or an offer is compared, nothing else.
 */
export class PairingRules {
  readonly #context: OverlayContext;
  readonly #life: LegLife;
  readonly #outgoing: SentOffers;

  constructor(context: OverlayContext, life: LegLife, outgoing: SentOffers) {
    this.#context = context;
    this.#life = life;
    this.#outgoing = outgoing;
  }

  /** A peer asks to be joined with the peer at the given address. Answered when that is decided. */
  connect(request: LegRequest): void {
    const claimed = request.message.address(AttributeType.XorPeerAddress);
    if (claimed === undefined) return this.#context.responses.refused(request, 'attribute-missing');
    const leg = this.#context.legs.get(request.credential);
    if (!leg) return this.#context.responses.refused(request, 'no-such-leg');
    if (leg.tupleKey !== request.tupleKey) {
      return this.#context.responses.refused(request, 'leg-of-another-address');
    }
    if (!leg.takeTurn('connect', request.transactionId)) return this.#context.responses.outdated();
    const refusal = leg.state.type === 'reserved' && leg.refusalOf(request.transactionId);
    if (refusal) {
      return this.#context.responses.refused(request, refusal.reason, { phrase: refusal.phrase });
    }
    leg.signer = request.signer;
    leg.livenessMs = livenessMsOf(request);
    switch (leg.state.type) {
      case 'established':
        return this.#confirm(request, leg, leg.state, claimed);
      case 'connecting':
        this.#renew(request, leg, leg.state.attempt, claimed);
        break;
      default:
        if (this.#refuseUnreachable(request, leg)) return;
        if (!this.#begin(request, leg, claimed)) {
          return this.#context.responses.refused(request, 'channels-used-up');
        }
    }
    if (isConnecting(leg)) this.#match(leg);
    // Not for an attempt that has just failed.
    if (isConnecting(leg)) this.#offer(leg);
  }

  #offer(leg: ConnectingLeg): void {
    this.#outgoing.send(leg, leg.state.attempt);
    this.#life.schedule(leg);
  }

  /** Without a way to the other relay no attempt is of use. @returns whether it was refused */
  #refuseUnreachable(request: LegRequest, leg: Leg): boolean {
    const { peerRelay } = leg;
    if (peerRelay === 'self') return false;
    const { trunk, responses } = this.#context;
    trunk.expect(peerRelay);
    const { id, unreachable } = peerRelay;
    if (unreachable === undefined) return false;
    const phrase = unreachablePhrase(id, unreachable);
    leg.refuse(request.transactionId, 'peer-relay-unreachable', phrase);
    responses.refused(request, 'peer-relay-unreachable', { phrase });
    return true;
  }

  #confirm(request: LegRequest, leg: Leg, pairing: Pairing, claimed: TransportAddress): void {
    if (!sameAddress(claimed, pairing.claimed)) {
      return this.#context.responses.refused(request, 'connected-elsewhere');
    }
    this.#context.responses.connected(request, leg, pairing.channel);
  }

  /** The newest Connect gets the answer, and its address counts. */
  #renew(request: LegRequest, leg: Leg, attempt: Attempt, claimed: TransportAddress): void {
    attempt.transactionId = copiedTransactionId(request.transactionId);
    attempt.signer = request.signer;
    const { offer } = attempt;
    if (offer) offer.owed = true;
    if (sameAddress(claimed, attempt.claimed)) return;
    attempt.claimed = claimed;
    if (offer) this.#outgoing.renew(leg, offer);
  }

  /** Starts an attempt. @returns false when the relay has no channel or session index left */
  #begin(request: LegRequest, leg: Leg, claimed: TransportAddress): boolean {
    const { legs, indexes, clock, closes } = this.#context;
    const now = clock.monotonic();
    closes.cancel(leg);
    leg.channel ??= legs.takeChannel(leg, now);
    if (leg.channel === undefined) return false;
    const remote = leg.peerRelay === 'self' ? undefined : leg.peerRelay;
    if (remote) {
      leg.sessionIndex ??= indexes.take(now);
      if (leg.sessionIndex === undefined) return false;
    }
    const offer =
      remote && leg.sessionIndex !== undefined
        ? this.#outgoing.begin(leg, { remote, sessionIndex: leg.sessionIndex })
        : undefined;
    leg.state = {
      type: 'connecting',
      attempt: {
        claimed,
        transactionId: copiedTransactionId(request.transactionId),
        signer: request.signer,
        deadline: now + LEG_LIMITS.connectMs,
        channel: leg.channel,
        offer,
      },
    };
    this.#life.schedule(leg);
    return true;
  }

  /** Compares what both sides have said so far, if both have. */
  #match(leg: ConnectingLeg): void {
    if (leg.peerRelay === 'self') return this.#matchHere(leg);
    const { offers, clock } = this.#context;
    const theirs = offers.get(leg.peerRelay.id, otherEnd(leg), clock.monotonic());
    if (theirs) this.#matchOffer(leg, leg.peerRelay, theirs);
  }

  #matchHere(leg: ConnectingLeg): void {
    const other = this.#context.legs.get(otherEnd(leg));
    if (other?.peerRelay !== 'self' || !isConnecting(other)) return;
    const matches =
      sameAddress(leg.state.attempt.claimed, other.origin.tuple.remote) &&
      sameAddress(other.state.attempt.claimed, leg.origin.tuple.remote);
    if (matches) return this.#joinHere(leg, other);
    this.#life.failAttempt(leg, leg.state.attempt, 'address-mismatch');
    this.#life.failAttempt(other, other.state.attempt, 'address-mismatch');
  }

  #joinHere(leg: ConnectingLeg, other: ConnectingLeg): void {
    const { plane } = this.#context;
    const pairs = [
      [leg, leg.state.attempt, other] as const,
      [other, other.state.attempt, leg] as const,
    ];
    try {
      for (const [from, { channel }, to] of pairs) {
        const { worker, tuple } = from.origin;
        plane.putClientFlow(
          { worker, tuple, channel },
          { type: 'client', tuple: to.origin.tuple, channel: to.channel ?? 0 },
        );
      }
    } catch (error) {
      this.#rethrowUnlessFull(error);
      for (const [each, attempt] of pairs) {
        const { worker, tuple } = each.origin;
        plane.removeClientFlow({ worker, tuple, channel: attempt.channel });
        this.#life.failAttempt(each, attempt, 'data-plane-full');
      }
      return;
    }
    for (const [each, attempt, to] of pairs) {
      // Equal to what the peer claimed, and held anyway.
      const claimed = to.origin.tuple.remote;
      const none = { remote: undefined, remoteIndex: 0, remoteCounter: 0 };
      this.#establish(each, attempt, { claimed, other: to, ...none });
    }
  }

  #matchOffer(leg: ConnectingLeg, remote: RemoteRelay, theirs: Offer): void {
    const { offers, trunk } = this.#context;
    const { attempt } = leg.state;
    const { transactionId } = theirs;
    if (!matches(theirs, leg, attempt.claimed)) {
      offers.refuse(remote.id, theirs);
      this.#refuse(remote, theirs);
      return this.#life.failAttempt(leg, attempt, 'address-mismatch');
    }
    if (!this.#bind(leg, attempt)) return;
    const sessionIndex = leg.sessionIndex ?? 0;
    trunk.send(remote, { type: 'offer-accepted', transactionId, sessionIndex });
  }

  /** Accepts records on our index, before anybody is told that we do. */
  #bind(leg: Leg, attempt: Attempt): boolean {
    const { offer, channel } = attempt;
    if (!offer || offer.bound) return offer !== undefined;
    try {
      const { tuple } = leg.origin;
      const { relayIndex } = offer.remote;
      this.#context.plane.putSession(offer.sessionIndex, { relayIndex, tuple, channel });
    } catch (error) {
      this.#rethrowUnlessFull(error);
      this.#life.failAttempt(leg, attempt, 'data-plane-full');
      return false;
    }
    offer.bound = true;
    return true;
  }

  /**
   * Another relay's offer, authentic and from a source of that relay, for the first time.
   * @returns `left` where there was no room to remember it
   */
  onOffer(remote: RemoteRelay, offer: CountedOffer): 'left' | undefined {
    const { legs, offers, clock } = this.#context;
    const leg = legs.get(otherEnd(offer));
    if (leg?.state.type === 'established' && leg.peerRelay === remote) {
      if (this.#answerAgain(remote, leg, leg.state, offer)) return undefined;
      // Another index is another leg: an earlier one, late, or the one that came after that which
      // this connection led to.
      if (offer.counter < leg.state.remoteCounter) return undefined;
      this.#life.end(leg, 'closed_by_other_side');
    }
    const now = clock.monotonic();
    if (offers.hasRefused(remote.id, offer, now)) {
      this.#refuse(remote, offer);
      return undefined;
    }
    const put = offers.put(remote.id, offer, now);
    if (put === 'older') return undefined;
    // A leg that waits for it needs no place in the table, which may be full.
    if (leg?.peerRelay === remote && isConnecting(leg)) this.#cross(leg, remote, offer);
    return put === 'full' ? 'left' : undefined;
  }

  /** The same offer once more, from that relay or of a recording: it can only be answered again. */
  onOfferRepeated(remote: RemoteRelay, offer: Offer): void {
    const { legs, offers, clock } = this.#context;
    const now = clock.monotonic();
    if (offers.hasRefused(remote.id, offer, now)) return this.#refuse(remote, offer);
    const leg = legs.get(otherEnd(offer));
    if (leg?.peerRelay !== remote) return;
    if (leg.state.type === 'established') this.#answerAgain(remote, leg, leg.state, offer);
    if (!isConnecting(leg)) return;
    const known = offers.get(remote.id, offer, now);
    if (known && sameBytes(known.transactionId, offer.transactionId)) {
      this.#matchOffer(leg, remote, known);
    }
  }

  /** Answers an offer of the leg that this connection leads to. @returns whether it is one */
  #answerAgain(remote: RemoteRelay, leg: Leg, pairing: Pairing, offer: Offer): boolean {
    if (pairing.remoteIndex !== offer.sessionIndex) return false;
    const { transactionId } = offer;
    const { trunk } = this.#context;
    if (matches(offer, leg, pairing.claimed)) {
      const sessionIndex = leg.sessionIndex ?? 0;
      trunk.send(remote, { type: 'offer-accepted', transactionId, sessionIndex });
    } else {
      this.#refuse(remote, offer);
    }
    return true;
  }

  #refuse(remote: RemoteRelay, { transactionId }: Offer): void {
    this.#context.trunk.send(remote, {
      type: 'offer-refused',
      transactionId,
      code: ErrorCode.Forbidden,
    });
  }

  /**
   * An offer comes for a leg that waits: its peer is there now, and our own offer, or the answer
   * to it, may have been lost.
   */
  #cross(leg: ConnectingLeg, remote: RemoteRelay, theirs: Offer): void {
    this.#matchOffer(leg, remote, theirs);
    if (!isConnecting(leg) || !leg.state.attempt.offer) return;
    this.#outgoing.hasten(leg.state.attempt.offer);
    this.#offer(leg);
  }

  /** The other relay has bound its index and matched our offer. */
  onOfferAccepted(remote: RemoteRelay, accepted: OfferAccepted & { counter: number }): void {
    const { transactionId, sessionIndex: remoteIndex, counter } = accepted;
    const sent = this.#outgoing.find(transactionId);
    if (!sent || sent.remote !== remote) return;
    const { leg } = sent;
    if (leg.state.type === 'established') return;
    if (!isConnecting(leg)) {
      // Not where another leg lives under the name by now: that one is not gone.
      const living = this.#context.legs.get(leg);
      if (living === undefined || living === leg) this.#context.closes.send(remote, leg);
      return;
    }
    const { attempt } = leg.state;
    // The answer to an offer that a newer Connect has replaced says nothing of the newer one.
    if (!attempt.offer || !sameBytes(attempt.offer.transactionId, transactionId)) return;
    if (!this.#bind(leg, attempt)) return;
    try {
      const { worker, tuple } = leg.origin;
      this.#context.plane.putClientFlow(
        { worker, tuple, channel: attempt.channel },
        { type: 'trunk', relayIndex: remote.relayIndex, sessionIndex: remoteIndex },
      );
    } catch (error) {
      this.#rethrowUnlessFull(error);
      return this.#life.failAttempt(leg, attempt, 'data-plane-full');
    }
    this.#context.offers.deleteUpTo(remote.id, otherEnd(leg), counter);
    this.#context.indexes.linkRemote(remote, remoteIndex, leg);
    remote.connections += 1;
    // A later answer to it would change nothing any more.
    this.#outgoing.forget(attempt.offer);
    const { claimed } = attempt;
    const to = { claimed, other: undefined, remote, remoteIndex, remoteCounter: counter };
    this.#establish(leg, attempt, to);
  }

  /** The other relay has started anew and did nothing with our offer: it is made again at once. */
  onOtherStart(remote: RemoteRelay, transactionId: Uint8Array): void {
    const sent = this.#outgoing.find(transactionId);
    if (!sent || sent.remote !== remote || !isConnecting(sent.leg)) return;
    const { offer } = sent.leg.state.attempt;
    if (!offer || !sameBytes(offer.transactionId, transactionId)) return;
    // Else one that says so of its only start has offers sent as fast as it answers.
    if (offer.sentToStart === remote.start) return;
    this.#outgoing.anew(sent.leg, sent.leg.state.attempt);
    this.#life.schedule(sent.leg);
  }

  /** The other relay says that the addresses do not match. */
  onOfferRefused(
    remote: RemoteRelay,
    { transactionId, code, counter }: OfferRefused & { counter: number },
  ): void {
    const sent = this.#outgoing.find(transactionId);
    if (!sent || sent.remote !== remote || !isConnecting(sent.leg)) return;
    const { attempt } = sent.leg.state;
    if (!attempt.offer || !sameBytes(attempt.offer.transactionId, transactionId)) return;
    this.#context.offers.deleteUpTo(remote.id, otherEnd(sent.leg), counter);
    if (code === ErrorCode.Forbidden)
      return this.#life.failAttempt(sent.leg, attempt, 'address-mismatch');
    const phrase = `relay ${remote.id} refuses with ${code}`;
    this.#life.failAttempt(sent.leg, attempt, 'refused-by-peer-relay', phrase);
  }

  #establish(leg: Leg, attempt: Attempt, to: Established): void {
    const { channel } = attempt;
    const { clock, silence } = this.#context;
    const since = Math.round(clock.monotonic());
    const expiresAt = expiryOf(leg, since);
    leg.state = { type: 'established', ...to, channel, since, expiresAt };
    leg.settle();
    this.#life.schedule(leg);
    silence.add(leg, leg.state);
    this.#context.stats.legs.established += 1;
    this.#context.responses.connected(connectTarget(leg, attempt), leg, channel);
  }

  /** A full table or queue is the peer's 508; anything else is a fault of ours and must be seen. */
  #rethrowUnlessFull(error: unknown): void {
    const full =
      isTurnpikeError(error, 'ERR_TURNPIKE_LIMIT') ||
      isTurnpikeError(error, 'ERR_TURNPIKE_QUEUE_FULL');
    if (!full) throw error;
  }
}

function isConnecting(leg: Leg): leg is ConnectingLeg {
  return leg.state.type === 'connecting';
}

/** Whether each side's claim is what the other side's relay observed. */
function matches(offer: Offer, leg: Leg, claimed: TransportAddress): boolean {
  return sameAddress(offer.mapped, claimed) && sameAddress(offer.claimed, leg.origin.tuple.remote);
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
