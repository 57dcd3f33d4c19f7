import { sameAddress, type TransportAddress } from '../address.js';
import { ErrorCode } from '../stun/error-codes.js';
import type { Offer } from '../trunk/control-message.js';
import type { RemoteRelay } from '../trunk/remote-relay.js';
import type { Attempt } from './attempt.js';
import type { OverlayContext } from './context.js';
import { type ConnectingLeg, isConnecting, type Leg, otherEnd } from './leg.js';
import type { LegTransitions } from './leg-transitions.js';

/**
 * Connects two legs whose peers have named each other's address: two legs of this relay, or one
 * with another relay's offer.
 */
export class LegPairing {
  readonly #context: OverlayContext;
  readonly #transitions: LegTransitions;

  constructor(context: OverlayContext, transitions: LegTransitions) {
    this.#context = context;
    this.#transitions = transitions;
  }

  /** Compares both sides' addresses, if both are known. */
  match(leg: ConnectingLeg): void {
    if (leg.peerRelay === 'self') return this.#matchHere(leg);
    const { offers, clock } = this.#context;
    const theirs = offers.get(leg.peerRelay.id, otherEnd(leg), clock.monotonic());
    if (theirs) this.matchOffer(leg, leg.peerRelay, theirs);
  }

  /** Sends the leg's offer to the other relay if it is due. */
  offer(leg: ConnectingLeg): void {
    this.#context.sentOffers.send(leg, leg.state.attempt);
    this.#transitions.schedule(leg);
  }

  #matchHere(leg: ConnectingLeg): void {
    const other = this.#context.legs.get(otherEnd(leg));
    if (other?.peerRelay !== 'self' || !isConnecting(other)) return;
    const matches =
      sameAddress(leg.state.attempt.peerAddress, other.origin.tuple.remote) &&
      sameAddress(other.state.attempt.peerAddress, leg.origin.tuple.remote);
    if (matches) return this.#joinHere(leg, other);
    this.#transitions.fail(leg, leg.state.attempt, 'address-mismatch');
    this.#transitions.fail(other, other.state.attempt, 'address-mismatch');
  }

  #joinHere(leg: ConnectingLeg, other: ConnectingLeg): void {
    const attempts = [
      [leg, leg.state.attempt, other] as const,
      [other, other.state.attempt, leg] as const,
    ];
    if (!this.#context.forwarding.join(leg, other)) {
      for (const [each, attempt] of attempts) {
        this.#transitions.fail(each, attempt, 'data-plane-full');
      }
      return;
    }
    for (const [each, attempt, to] of attempts) {
      // Equal to the address that the peer named, but already kept by the other leg: saves memory.
      const peerAddress = to.origin.tuple.remote;
      const none = { remote: undefined, remoteIndex: 0, remoteCounter: 0 };
      this.#transitions.pair(each, attempt, { peerAddress, other: to, ...none });
    }
  }

  /** Compares a leg's attempt with the other relay's offer, and responds to the offer. */
  matchOffer(leg: ConnectingLeg, remote: RemoteRelay, theirs: Offer): void {
    const { offers, trunk } = this.#context;
    const { attempt } = leg.state;
    const { transactionId } = theirs;
    if (!offerMatches(theirs, leg, attempt.peerAddress)) {
      offers.refuse(remote.id, theirs);
      this.refuseOffer(remote, theirs);
      return this.#transitions.fail(leg, attempt, 'address-mismatch');
    }
    if (!this.bind(leg, attempt)) return;
    const sessionIndex = leg.sessionIndex ?? 0;
    trunk.send(remote, { type: 'offer-accepted', transactionId, sessionIndex });
  }

  /** Responds to an offer with 403. */
  refuseOffer(remote: RemoteRelay, { transactionId }: Offer): void {
    const refused = { type: 'offer-refused', transactionId, code: ErrorCode.Forbidden } as const;
    this.#context.trunk.send(remote, refused);
  }

  /**
   * Binds the leg's session index, so that records are accepted before the other relay is told the
   * index.
   * @returns false if the data plane is full; the attempt has failed then
   */
  bind(leg: Leg, attempt: Attempt): boolean {
    const { offer } = attempt;
    if (!offer || offer.bound) return offer !== undefined;
    if (!this.#context.forwarding.bindSession(leg, { ...attempt, offer })) {
      this.#transitions.fail(leg, attempt, 'data-plane-full');
      return false;
    }
    offer.bound = true;
    return true;
  }
}

/** Returns whether each side's named address is the one that the other side's relay observed. */
export function offerMatches(offer: Offer, leg: Leg, peerAddress: TransportAddress): boolean {
  return (
    sameAddress(offer.mapped, peerAddress) &&
    sameAddress(offer.peerAddress, leg.origin.tuple.remote)
  );
}
