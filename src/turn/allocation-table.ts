import { TimingWheel } from '../collections/timing-wheel.js';
import type { TransportHandle } from '../native/transport-handle.js';
import type { HeldClients } from '../stun-server/proven-clients.js';
import type {
  Allocation,
  Channel,
  Permission,
  Place,
  RelayedTransportAddress,
} from './allocation.js';
import { type Holder, HolderCounts } from './holder-counts.js';
import type { Reservation } from './reservations.js';
import { TURN_LIMITS } from './turn-limits.js';

/** Resolution of deadlines, ms. */
const BUCKET_MS = 250;

/** What has a deadline. */
export type Expiring = RelayedTransportAddress | Permission | Channel | Reservation;

/**
 * The allocations, by 5-tuple and by relayed endpoint; the Allocate requests for which a relayed
 * transport address is being opened; how many of either each user has; and all deadlines. It keeps
 * the indexes consistent; the rules are elsewhere.
 */
export class AllocationTable {
  readonly holders = new HolderCounts();
  readonly #byTuple = new Map<string, Allocation>();
  /** By the 5-tuple that a client has moved to, until the allocation has it. */
  readonly #moving = new Map<string, Allocation>();
  /** Those whose clients may move. */
  readonly #bySerial = new Map<number, Allocation>();
  readonly #byHandle = new Map<TransportHandle, RelayedTransportAddress>();
  /** The transaction (`transactionKey`) of each 5-tuple's Allocate that is in progress. */
  readonly #opening = new Map<string, string>();
  readonly #clients: HeldClients;
  readonly #wheel: TimingWheel<Expiring>;

  /**
   * @param now - monotonic ms
   * @param clients - counts who holds state of a 5-tuple
   */
  constructor(now: number, clients: HeldClients) {
    this.#clients = clients;
    this.#wheel = new TimingWheel(BUCKET_MS, now, ({ share }) => share);
  }

  get size(): number {
    return this.#byTuple.size;
  }

  /** Returns the allocation of a 5-tuple, or that moves there; undefined if there is none. */
  get(tupleKey: string): Allocation | undefined {
    return this.#byTuple.get(tupleKey) ?? this.#moving.get(tupleKey);
  }

  /** Returns the allocation with a serial (`Mobility`); undefined if there is none. */
  ofSerial(serial: number): Allocation | undefined {
    return this.#bySerial.get(serial);
  }

  /** Returns the relayed transport address of an endpoint; undefined if it is another's. */
  ofHandle(handle: TransportHandle): RelayedTransportAddress | undefined {
    return this.#byHandle.get(handle);
  }

  /** Returns a copy of the list of all allocations. */
  all(): Allocation[] {
    return [...this.#byTuple.values()];
  }

  /** Returns the transaction of the 5-tuple's Allocate that is in progress. */
  opening(tupleKey: string): string | undefined {
    return this.#opening.get(tupleKey);
  }

  /** Notes an Allocate in progress. It counts for its holder. */
  beginOpening(tupleKey: string, transaction: string, holder: Holder): void {
    this.#opening.set(tupleKey, transaction);
    this.holders.add(holder);
  }

  /** Notes that an Allocate is no longer in progress. */
  endOpening(tupleKey: string, holder: Holder): void {
    this.#opening.delete(tupleKey);
    this.holders.remove(holder);
  }

  /** Adds an allocation with its relayed transport addresses. */
  add(allocation: Allocation): void {
    this.#byTuple.set(allocation.tupleKey, allocation);
    for (const relayed of allocation.relayed) this.#byHandle.set(relayed.handle, relayed);
    const { mobility } = allocation;
    if (mobility !== undefined) this.#bySerial.set(mobility.serial, allocation);
    this.holders.add(allocation);
    this.#clients.hold(allocation.origin, allocation.tupleKey);
  }

  /** Notes the 5-tuple that an allocation moves to. Its requests belong to the allocation. */
  beginMove(allocation: Allocation, { origin, tupleKey }: Place): void {
    this.#moving.set(tupleKey, allocation);
    this.#clients.hold(origin, tupleKey);
  }

  /** Forgets the 5-tuple that an allocation was to move to. */
  cancelMove({ tupleKey }: Place): void {
    this.#moving.delete(tupleKey);
    this.#clients.release(tupleKey);
  }

  /** Gives an allocation the 5-tuple that it moves to. */
  completeMove(allocation: Allocation, { origin, tupleKey }: Place): void {
    this.#byTuple.delete(allocation.tupleKey);
    this.#clients.release(allocation.tupleKey);
    this.#moving.delete(tupleKey);
    this.#byTuple.set(tupleKey, allocation);
    allocation.origin = origin;
    allocation.tupleKey = tupleKey;
  }

  /** Removes an allocation that has no relayed transport address left. */
  delete(allocation: Allocation): void {
    if (!this.#byTuple.delete(allocation.tupleKey)) return;
    const { mobility } = allocation;
    if (mobility !== undefined) this.#bySerial.delete(mobility.serial);
    if (mobility?.next !== undefined) this.cancelMove(mobility.next);
    this.holders.remove(allocation);
    this.#clients.release(allocation.tupleKey);
  }

  /** Removes a relayed transport address from its allocation. */
  deleteRelayed(relayed: RelayedTransportAddress): void {
    this.#wheel.clear(relayed);
    this.#byHandle.delete(relayed.handle);
    const { relayed: all } = relayed.allocation;
    const index = all.indexOf(relayed);
    if (index >= 0) all.splice(index, 1);
  }

  /** Sets the end of a relayed transport address. @param at - monotonic ms */
  scheduleEnd(relayed: RelayedTransportAddress, at: number): void {
    relayed.expiresAt = at;
    this.schedule(relayed, at);
  }

  /** Sets the only deadline of an item. @param at - monotonic ms */
  schedule(item: Expiring, at: number): void {
    this.#wheel.set(item, at);
  }

  /** Clears the deadline of an item. */
  unschedule(item: Expiring): void {
    this.#wheel.clear(item);
  }

  /** Removes and returns the next items that are due, at most `TURN_LIMITS.endedAtOnce`. */
  due(now: number): Expiring[] {
    return this.#wheel.turn(now, TURN_LIMITS.endedAtOnce);
  }

  /** Whether items are due that `due` has left. */
  get moreDue(): boolean {
    return this.#wheel.ripe;
  }
}
