import type { Clock } from '../clock.js';
import { FairTable } from '../collections/fair-table.js';
import type { RandomBytes } from '../random.js';
import { transactionKey } from '../trunk/control-message.js';
import type { RemoteRelay } from '../trunk/remote-relay.js';
import type { Trunk } from '../trunk/trunk.js';
import type { Attempt, Leg, SentOffer } from './leg.js';
import { LEG_LIMITS } from './leg-limits.js';
import { OFFER_REMEMBERED_MS } from './received-offers.js';

/** How often the trunk's offers are repeated, and how many are remembered. */
export const SENT_OFFER_LIMITS = {
  /** Offers for repeated Connects are at least this far apart, for so many repetitions. */
  intervalMs: 500,
  repeatsSoon: 3,
  /** The longest interval: it doubles with each further repetition. */
  intervalMsMax: 8_000,
  /** An offer whose address a newer Connect changed waits so long, and longer each time. */
  renewalMs: 50,
  /** Transactions of our offers remembered; beyond it the tenant with most gives way. */
  rememberedMax: 262_144,
} as const;

interface Sent {
  readonly leg: Leg;
  readonly remote: RemoteRelay;
  readonly at: number;
}

/**
 * Our offers to other relays. They follow the Connects of the peer: at most one offer leaves for
 * one Connect that has arrived, 500 ms apart and further each time, so that no peer can have more
 * said between relays than it says itself (PROTOCOL.md section 3). They are remembered by
 * transaction for a while after, so that a late answer finds what it answers.
 */
export class SentOffers {
  readonly #trunk: Trunk;
  readonly #clock: Clock;
  readonly #random: RandomBytes;
  /** Where they are very many, those of the tenant that has most give way. */
  readonly #byTransaction = new FairTable<Sent>(SENT_OFFER_LIMITS.rememberedMax, 'oldest');

  /** Offers forgotten although they could still be answered. */
  forgotten = 0;

  constructor(trunk: Trunk, clock: Clock, random: RandomBytes) {
    this.#trunk = trunk;
    this.#clock = clock;
    this.#random = random;
  }

  /** Makes the offer of a leg whose peer's first Connect has come; `send` sends it. */
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
   * Starts a new transaction, because the peer's claim has changed. It is sent after a short delay
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

  /** The other side has just come: waits are as short again as after a first offer. */
  hasten(offer: SentOffer): void {
    offer.repeats = 0;
    offer.waitMs = Math.min(offer.waitMs, SENT_OFFER_LIMITS.intervalMs);
  }

  /** When the offer may be sent again, monotonic milliseconds. */
  nextAt({ sentAt, waitMs }: SentOffer): number {
    return sentAt + waitMs;
  }

  /** Sends the offer if a Connect has come since the last one, and if that was long enough ago. */
  send(leg: Leg, { offer, claimed }: Pick<Attempt, 'offer' | 'claimed'>): void {
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
      claimed,
      sessionIndex: offer.sessionIndex,
    } as const;
    offer.counter = this.#trunk.send(offer.remote, control, offer.counter);
    offer.sentToStart = offer.remote.incarnation;
  }

  /** Sends an offer again at once, because the other relay has discarded it. */
  anew(leg: Leg, { offer, claimed }: Attempt): void {
    if (!offer) return;
    offer.owed = true;
    offer.waitMs = 0;
    this.send(leg, { offer, claimed });
  }

  /** Forgets an offer: no later answer to it would change anything. */
  forget({ transactionId }: SentOffer): void {
    this.#byTransaction.delete(transactionKey(transactionId));
  }

  /** The offer that a transaction belongs to, be its leg still there or not. */
  find(transactionId: Uint8Array): Sent | undefined {
    return this.#byTransaction.get(transactionKey(transactionId));
  }

  /** Forgets transactions that no answer can come to any more. */
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

/** How long the next offer waits at least: short at first, then twice as long each time. */
function waitMsAfter(repeats: number): number {
  const doublings = Math.max(0, repeats - SENT_OFFER_LIMITS.repeatsSoon);
  return Math.min(SENT_OFFER_LIMITS.intervalMs * 2 ** doublings, SENT_OFFER_LIMITS.intervalMsMax);
}
