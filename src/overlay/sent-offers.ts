import type { Clock } from '../clock.js';
import { FairTable } from '../collections/fair-table.js';
import type { RandomBytes } from '../random.js';
import { LEG_LIMITS } from '../stun/leg-limits.js';
import { transactionKey } from '../trunk/control-message.js';
import type { RemoteRelay } from '../trunk/remote-relay.js';
import type { Trunk } from '../trunk/trunk.js';
import type { Attempt, SentOffer } from './attempt.js';
import type { Leg } from './leg.js';
import { OFFER_REMEMBERED_MS } from './received-offers.js';

/** Intervals of the trunk's offers, and how many are remembered. */
export const SENT_OFFER_LIMITS = {
  /**
   * Minimum interval of offers for repeated Connects, and how often it applies before it doubles.
   */
  intervalMs: 500,
  repeatsSoon: 3,
  /** Maximum interval of offers for repeated Connects. */
  intervalMsMax: 8_000,
  /** Initial delay of an offer whose address a newer Connect changed; doubles with each change. */
  renewalMs: 50,
  /** Maximum remembered transactions of sent offers; beyond it the tenant with most loses one. */
  rememberedMax: 262_144,
} as const;

interface Sent {
  readonly leg: Leg;
  readonly remote: RemoteRelay;
  readonly at: number;
}

/**
 * This relay's offers to other relays. They follow the peer's Connects: at most one offer for one
 * received Connect, with growing intervals, so that a peer cannot cause more messages between
 * relays than it sends itself (PROTOCOL.md section 3). They are remembered by transaction for some
 * time after, so that late responses find their offer.
 */
export class SentOffers {
  readonly #trunk: Trunk;
  readonly #clock: Clock;
  readonly #random: RandomBytes;
  /** At the bound the tenant with most offers loses one. */
  readonly #byTransaction = new FairTable<Sent>(SENT_OFFER_LIMITS.rememberedMax, 'oldest');

  /** Number of offers forgotten while a response was still possible. */
  forgotten = 0;

  constructor(trunk: Trunk, clock: Clock, random: RandomBytes) {
    this.#trunk = trunk;
    this.#clock = clock;
    this.#random = random;
  }

  /** Creates a leg's offer, on its peer's first Connect; `send` sends it. */
  begin(leg: Leg, to: { remote: RemoteRelay; sessionIndex: number }): SentOffer {
    const offer = {
      ...to,
      transactionId: this.#random(12),
      counter: 0,
      sent: false,
      sentToStart: 0,
      owed: true,
      sentAt: Number.NEGATIVE_INFINITY,
      waitMs: 0,
      repeats: 0,
      renewals: 0,
      bound: false,
    };
    this.#remember(leg, offer);
    return offer;
  }

  /**
   * Starts a new transaction, because the peer has named another address. It is sent after a delay
   * that grows with each change.
   */
  renew(leg: Leg, offer: SentOffer): void {
    this.#byTransaction.delete(transactionKey(offer.transactionId));
    offer.transactionId = this.#random(12);
    offer.counter = 0;
    offer.sent = false;
    offer.waitMs = Math.min(
      SENT_OFFER_LIMITS.renewalMs * 2 ** offer.renewals,
      SENT_OFFER_LIMITS.intervalMs,
    );
    offer.renewals += 1;
    this.#remember(leg, offer);
  }

  /** Resets the interval to that after a first offer, because the other side has just arrived. */
  hasten(offer: SentOffer): void {
    offer.repeats = 0;
    offer.waitMs = Math.min(offer.waitMs, SENT_OFFER_LIMITS.intervalMs);
  }

  /** Returns when the offer may be sent again, monotonic ms. */
  nextAt({ sentAt, waitMs }: SentOffer): number {
    return sentAt + waitMs;
  }

  /**
   * Sends the offer if a Connect has arrived since the last transmission and the interval is over.
   */
  send(leg: Leg, { offer, peerAddress }: Pick<Attempt, 'offer' | 'peerAddress'>): void {
    const now = this.#clock.monotonic();
    if (!offer?.owed || now < this.nextAt(offer)) return;
    offer.repeats = offer.sent ? offer.repeats + 1 : 0;
    offer.waitMs = waitMsAfter(offer.repeats);
    offer.owed = false;
    offer.sent = true;
    offer.sentAt = now;
    const control = {
      type: 'offer',
      transactionId: offer.transactionId,
      tenant: leg.tenant,
      connectionId: leg.connectionId,
      role: leg.role,
      mapped: leg.origin.tuple.remote,
      peerAddress,
      sessionIndex: offer.sessionIndex,
    } as const;
    offer.counter = this.#trunk.send(offer.remote, control, offer.counter);
    offer.sentToStart = offer.remote.incarnation;
  }

  /** Sends an offer again at once, because the other relay has discarded it. */
  anew(leg: Leg, { offer, peerAddress }: Attempt): void {
    if (!offer) return;
    offer.owed = true;
    offer.waitMs = 0;
    this.send(leg, { offer, peerAddress });
  }

  /** Forgets an offer whose later responses would have no effect. */
  forget({ transactionId }: SentOffer): void {
    this.#byTransaction.delete(transactionKey(transactionId));
  }

  /** Returns the offer of a transaction, whether its leg still exists or not. */
  find(transactionId: Uint8Array): Sent | undefined {
    return this.#byTransaction.get(transactionKey(transactionId));
  }

  /** Forgets transactions to which no response can arrive any more. */
  expire(): void {
    const now = this.#clock.monotonic();
    for (const [key, { at }] of this.#byTransaction.entries()) {
      if (now - at < LEG_LIMITS.connectMs + OFFER_REMEMBERED_MS) return;
      this.#byTransaction.delete(key);
    }
  }

  #remember(leg: Leg, { remote, transactionId }: SentOffer): void {
    const at = this.#clock.monotonic();
    const { gaveWay } = this.#byTransaction.put(leg.tenant, transactionKey(transactionId), {
      leg,
      remote,
      at,
    });
    if (gaveWay) this.forgotten += 1;
  }
}

/** Returns the minimum interval before the next offer, ms: constant at first, then doubling. */
function waitMsAfter(repeats: number): number {
  const doublings = Math.max(0, repeats - SENT_OFFER_LIMITS.repeatsSoon);
  return Math.min(SENT_OFFER_LIMITS.intervalMs * 2 ** doublings, SENT_OFFER_LIMITS.intervalMsMax);
}
