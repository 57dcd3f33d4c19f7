import { LIMITS } from '../limits.js';
import { copiedTransactionId } from '../stun/message.js';
import type { LegName, Offer } from '../trunk/control.js';
import { legKey } from './leg.js';

/** An offer with the counter of its message; 0 from a relay that does not count. */
export interface CountedOffer extends Offer {
  readonly counter: number;
}

interface Remembered {
  readonly offer: CountedOffer;
  readonly at: number;
  /** Answered with 403: it counts no more, but a repetition of it may be on its way. */
  refused: boolean;
}

/**
 * The newest offer of each leg of other relays, for 30 s, so that it does not matter which peer
 * connects first (PROTOCOL.md section 3). Bounded per sending relay: when full, the newest is
 * refused by silence and counted, so that one relay cannot crowd out another.
 */
export class OfferTable {
  /** Offers refused because their sender's share was full. */
  refused = 0;
  readonly #bySender = new Map<string, Map<string, Remembered>>();
  readonly #perSenderMax: number;

  constructor(perSenderMax: number = LIMITS.offersPerRelayMax) {
    this.#perSenderMax = perSenderMax;
  }

  /** @returns `older` where an offer that was made after this one is known already */
  put(sender: string, offer: CountedOffer, now: number): 'remembered' | 'full' | 'older' {
    let offers = this.#bySender.get(sender);
    if (!offers) {
      offers = new Map();
      this.#bySender.set(sender, offers);
    }
    const key = legKey(offer);
    const newest = offers.get(key);
    if (newest && newest.offer.counter > offer.counter) return 'older';
    // Deleted first, so that the map stays in the order of arrival and expiry reads its head only.
    offers.delete(key);
    if (offers.size >= this.#perSenderMax) this.#expire(offers, now);
    if (offers.size >= this.#perSenderMax) {
      this.refused += 1;
      return 'full';
    }
    const transactionId = copiedTransactionId(offer.transactionId);
    offers.set(key, { offer: { ...offer, transactionId }, at: now, refused: false });
    return 'remembered';
  }

  /** The offer of a sender's leg, if it is still remembered. */
  get(sender: string, name: LegName, now: number): CountedOffer | undefined {
    const found = this.#find(sender, name, now);
    return found?.refused === false ? found.offer : undefined;
  }

  /** The offer was answered with 403. */
  refuse(sender: string, name: LegName): void {
    const found = this.#bySender.get(sender)?.get(legKey(name));
    if (found) found.refused = true;
  }

  /** Whether an offer repeats one that was answered with 403. */
  hasRefused(sender: string, offer: Offer, now: number): boolean {
    const found = this.#find(sender, offer, now);
    if (!found?.refused) return false;
    return Buffer.compare(found.offer.transactionId, offer.transactionId) === 0;
  }

  #find(sender: string, name: LegName, now: number): Remembered | undefined {
    const found = this.#bySender.get(sender)?.get(legKey(name));
    return found && now - found.at < LIMITS.offerRememberedMs ? found : undefined;
  }

  /** Forgets an offer, unless it was made after the message with the given counter. */
  deleteUpTo(sender: string, name: LegName, counter: number): void {
    const offers = this.#bySender.get(sender);
    const found = offers?.get(legKey(name));
    if (found && found.offer.counter <= counter) offers?.delete(legKey(name));
  }

  /** Forgets all of a sender's offers, as when it has started anew. */
  deleteAll(sender: string): void {
    this.#bySender.delete(sender);
  }

  /** Forgets what is older than 30 s. */
  expire(now: number): void {
    for (const [sender, offers] of this.#bySender) {
      this.#expire(offers, now);
      if (offers.size === 0) this.#bySender.delete(sender);
    }
  }

  #expire(offers: Map<string, Remembered>, now: number): void {
    for (const [key, { at }] of offers) {
      if (now - at < LIMITS.offerRememberedMs) return;
      offers.delete(key);
    }
  }
}
