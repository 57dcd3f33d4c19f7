import { FairTable, type Put } from '../collections/fair-table.js';
import { copiedTransactionId } from '../stun/message.js';
import type { LegName, Offer } from '../trunk/control-message.js';
import { legKey } from './leg.js';

/** Time for which another relay's offer is remembered. */
export const OFFER_REMEMBERED_MS = 30_000;

/** Maximum offers of one relay; beyond it the tenant with most loses one. */
export const OFFERS_OF_RELAY_MAX = 16_384;

/** Maximum offers of all relays; beyond it the tenant with most loses one. */
export const OFFERS_REMEMBERED_MAX = 131_072;

/** An offer with the counter of its message; 0 from a relay that sends none. */
export interface CountedOffer extends Offer {
  readonly counter: number;
}

interface Remembered {
  readonly sender: string;
  readonly key: string;
  readonly offer: CountedOffer;
  readonly at: number;
  /** Answered 403: it is no longer valid, but a repetition may arrive. */
  refused: boolean;
}

/**
 * The newest offer of each leg of other relays, kept for 30 s, so that either peer may connect
 * first (PROTOCOL.md section 3). Bounded per relay, so that no relay crowds out another, and in
 * all. At a bound the tenant with most offers loses one, or its new offer is ignored, so that no
 * tenant crowds out another.
 */
export class ReceivedOffers {
  /** Number of offers refused or forgotten early because of a bound. */
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

  /**
   * Remembers an offer.
   * @param now - monotonic ms
   * @returns `older` if a later offer of the leg is known; `full` if there is no room
   */
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

  /**
   * Takes the result of a table: counts and forgets an offer that lost its place.
   * @returns whether the new offer was kept
   */
  #make({ kept, gaveWay }: Put<Remembered>): boolean {
    if (gaveWay) this.#forget(gaveWay);
    if (gaveWay || !kept) this.refused += 1;
    return kept;
  }

  #forget(remembered: Remembered): void {
    this.#bySender.get(remembered.sender)?.delete(remembered.key);
    this.#all.delete(keyInAll(remembered));
  }

  /** Returns the offer of a sender's leg; undefined if it is unknown, too old or refused. */
  get(sender: string, name: LegName, now: number): CountedOffer | undefined {
    const found = this.#find(sender, name, now);
    return found?.refused === false ? found.offer : undefined;
  }

  /** Marks an offer as answered 403. */
  refuse(sender: string, name: LegName): void {
    const found = this.#bySender.get(sender)?.get(legKey(name));
    if (found) found.refused = true;
  }

  /** Returns whether an offer repeats one that was answered 403. */
  hasRefused(sender: string, offer: Offer, now: number): boolean {
    const found = this.#find(sender, offer, now);
    if (!found?.refused) return false;
    return Buffer.compare(found.offer.transactionId, offer.transactionId) === 0;
  }

  #find(sender: string, name: LegName, now: number): Remembered | undefined {
    const found = this.#bySender.get(sender)?.get(legKey(name));
    return found && now - found.at < OFFER_REMEMBERED_MS ? found : undefined;
  }

  /** Forgets an offer, unless it was sent after the message with the given counter. */
  deleteUpTo(sender: string, name: LegName, counter: number): void {
    const found = this.#bySender.get(sender)?.get(legKey(name));
    if (found && found.offer.counter <= counter) this.#forget(found);
  }

  /** Forgets all offers of a sender, after its restart. */
  deleteAll(sender: string): void {
    for (const [, remembered] of this.#bySender.get(sender)?.entries() ?? []) {
      this.#forget(remembered);
    }
    this.#bySender.delete(sender);
  }

  /** Forgets offers older than `OFFER_REMEMBERED_MS`. */
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
