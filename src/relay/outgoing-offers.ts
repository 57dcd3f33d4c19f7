import type { TransportAddress } from '../address.js';
import { LIMITS } from '../limits.js';
import { transactionKey } from '../trunk/control.js';
import type { RemoteRelay } from '../trunk/remote-relay.js';
import type { Trunk } from '../trunk/trunk.js';
import type { Clock, RandomBytes } from '../units.js';
import type { Leg, OutgoingOffer } from './leg.js';

interface Sent {
  readonly leg: Leg;
  readonly remote: RemoteRelay;
  readonly at: number;
}

/**
 * Our offers to other relays: sent at a peer's first Connect, repeated every 500 ms, and
 * remembered by transaction for a while after, so that a late answer finds what it answers.
 */
export class OutgoingOffers {
  readonly #trunk: Trunk;
  readonly #clock: Clock;
  readonly #random: RandomBytes;
  readonly #byTransaction = new Map<string, Sent>();

  constructor(trunk: Trunk, clock: Clock, random: RandomBytes) {
    this.#trunk = trunk;
    this.#clock = clock;
    this.#random = random;
  }

  /** Sends the leg's first offer. */
  begin(
    leg: Leg,
    to: { remote: RemoteRelay; sessionIndex: number; claimed: TransportAddress },
  ): OutgoingOffer {
    const { remote, sessionIndex, claimed } = to;
    const offer = {
      remote,
      sessionIndex,
      transactionId: this.#random(12),
      counter: 0,
      nextAt: 0,
      bound: false,
    };
    this.#remember(leg, offer);
    this.repeat(leg, offer, claimed);
    return offer;
  }

  /**
   * Puts a new transaction in the old one's place: the peer's claim has changed. It is sent with
   * the next repetition, which comes soon, but not as fast as a peer can change its mind.
   */
  renew(leg: Leg, offer: OutgoingOffer): void {
    this.#byTransaction.delete(transactionKey(offer.transactionId));
    offer.transactionId = this.#random(12);
    offer.counter = 0;
    offer.nextAt = this.#clock.monotonic() + LIMITS.offerRenewalMs;
    this.#remember(leg, offer);
  }

  /** Sends the offer once more. */
  repeat(leg: Leg, offer: OutgoingOffer, claimed: TransportAddress): void {
    offer.nextAt = this.#clock.monotonic() + LIMITS.offerIntervalMs;
    const control = {
      type: 'offer',
      transactionId: offer.transactionId,
      tenant: leg.tenant,
      connectionId: leg.connectionId,
      role: leg.role,
      mapped: leg.origin.tuple.remote,
      claimed,
      sessionIndex: offer.sessionIndex,
    } as const;
    offer.counter = this.#trunk.send(offer.remote, control, offer.counter);
  }

  /** Forgets an offer: nothing that still could be answered to it matters. */
  forget({ transactionId }: OutgoingOffer): void {
    this.#byTransaction.delete(transactionKey(transactionId));
  }

  /** The offer that a transaction belongs to, be its leg still there or not. */
  find(transactionId: Uint8Array): Sent | undefined {
    return this.#byTransaction.get(transactionKey(transactionId));
  }

  /** Forgets transactions that no answer can come to any more. */
  expire(): void {
    const now = this.#clock.monotonic();
    for (const [key, { at }] of this.#byTransaction) {
      if (now - at < LIMITS.connectMs + LIMITS.offerRememberedMs) return;
      this.#byTransaction.delete(key);
    }
  }

  #remember(leg: Leg, { remote, transactionId }: OutgoingOffer): void {
    const at = this.#clock.monotonic();
    if (this.#byTransaction.size >= LIMITS.offersSentMax) {
      const [oldest] = this.#byTransaction.keys();
      this.#byTransaction.delete(oldest as string);
    }
    this.#byTransaction.set(transactionKey(transactionId), { leg, remote, at });
  }
}
