import { FairTable, type Put } from '../collections/fair-table.js';
import { copiedTransactionId } from '../stun/message.js';
import type { LegName, Offer } from '../trunk/control-message.js';
import { legKey } from './leg.js';

/** An offer of another relay is remembered this long. */
export const OFFER_REMEMBERED_MS = 30_000;

/** Offers remembered of one relay; beyond it the tenant with most gives way. */
export const OFFERS_OF_RELAY_MAX = 16_384;

/** Offers remembered of all relays together; beyond it the tenant with most gives way. */
export const OFFERS_REMEMBERED_MAX = 131_072;

/** An offer with the counter of its message; 0 from a relay that does not count. */
export interface CountedOffer extends Offer {
  readonly counter: number;
}

interface Remembered {
  readonly sender: string;
  readonly key: string;
  readonly offer: CountedOffer;
  readonly at: number;
  /** Answered with 403: it counts no more, but a repetition of it may be on its way. */
  refused: boolean;
}

/**
 * The newest offer of each leg of other relays, for 30 s, so that it does not matter which peer
 * connects first (PROTOCOL.md section 3). Bounded per sending relay, so that one relay cannot crowd
 * out another, and in all. When it is full, the tenant that has most there gives way, or is refused
 * by silence, so that no tenant crowds out another.
 */
export class ReceivedOffers {
  /** Offers refused or forgotten early for want of room. */
  refused = 0;
  readonly #bySender = new Map<string, FairTable<Remembered>>();
  readonly #all: FairTable<Remembered>;
  readonly #perSenderMax: number;

  constructor(
    perSenderMax: number = OFFERS_OF_RELAY_MAX,
    offersMax: number = OFFERS_REMEMBERED_MAX,
  ) {
    this.#perSenderMax = perSenderMax;
    this.#all = new FairTable(offersMax, 'newest');
  }

  /** @returns `older` where an offer that was made after this one is known already */
  put(sender: string, offer: CountedOffer, now: number): 'remembered' | 'full' | 'older' {
    const key = legKey(offer);
    const offers = this.#offersOf(sender);
    const newest = offers.get(key);
    if (newest && newest.offer.counter > offer.counter) return 'older';
    if (newest) this.#forget(newest);
    if (offers.size >= this.#perSenderMax) this.#expire(offers, now);
    const transactionId = copiedTransactionId(offer.transactionId);
    const counted = { ...offer, transactionId };
    const remembered = { sender, key, offer: counted, at: now, refused: false };
    const isKept = this.#make(offers.put(offer.tenant, key, remembered));
    if (isKept && this.#make(this.#all.put(offer.tenant, keyInAll(remembered), remembered))) {
      return 'remembered';
    }
    this.#forget(remembered);
    return 'full';
  }

  #offersOf(sender: string): FairTable<Remembered> {
    const offers = this.#bySender.get(sender) ?? new FairTable(this.#perSenderMax, 'newest');
    this.#bySender.set(sender, offers);
    return offers;
  }

  /** Counts what one of the tables had no room for. @returns whether that was another offer */
  #make({ kept, gaveWay }: Put<Remembered>): boolean {
    if (gaveWay) this.#forget(gaveWay);
    if (gaveWay || !kept) this.refused += 1;
    return kept;
  }

  #forget(remembered: Remembered): void {
    this.#bySender.get(remembered.sender)?.delete(remembered.key);
    this.#all.delete(keyInAll(remembered));
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
    return found && now - found.at < OFFER_REMEMBERED_MS ? found : undefined;
  }

  /** Forgets an offer, unless it was made after the message with the given counter. */
  deleteUpTo(sender: string, name: LegName, counter: number): void {
    const found = this.#bySender.get(sender)?.get(legKey(name));
    if (found && found.offer.counter <= counter) this.#forget(found);
  }

  /** Forgets all of a sender's offers, as when it has started anew. */
  deleteAll(sender: string): void {
    for (const [, remembered] of this.#bySender.get(sender)?.entries() ?? []) {
      this.#forget(remembered);
    }
    this.#bySender.delete(sender);
  }

  /** Forgets what is older than 30 s. */
  expire(now: number): void {
    for (const [sender, offers] of this.#bySender) {
      this.#expire(offers, now);
      if (offers.size === 0) this.#bySender.delete(sender);
    }
  }

  #expire(offers: FairTable<Remembered>, now: number): void {
    for (const [, remembered] of offers.entries()) {
      if (now - remembered.at < OFFER_REMEMBERED_MS) return;
      this.#forget(remembered);
    }
  }
}

function keyInAll({ sender, key }: Remembered): string {
  return `${sender} ${key}`;
}
