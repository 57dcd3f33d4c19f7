import type { Clock } from '../clock.js';
import { FairTable } from '../collections/fair-table.js';
import { type Timed, TimingWheel } from '../collections/timing-wheel.js';
import type { RandomBytes } from '../random.js';
import { RTO_MS } from '../stun/transmission-limits.js';
import { type CloseRequest, type LegName, transactionKey } from '../trunk/control-message.js';
import type { RemoteRelay } from '../trunk/remote-relay.js';
import type { Trunk } from '../trunk/trunk.js';
import { legKey } from './leg.js';
import { OVERLAY_LIMITS } from './overlay-limits.js';

/** Maximum transmissions of a close request. */
const CLOSE_REQUESTS_MAX = 6;

/** Maximum close requests that await a response; further ones are sent once. */
export const CLOSES_PENDING_MAX = 131_072;

interface Pending extends Timed {
  readonly remote: RemoteRelay;
  readonly name: LegName;
  readonly transactionId: Uint8Array;
  readonly code: CloseRequest['code'];
  requests: number;
  /** The counter that `Trunk.send` returned; 0 before the first transmission. */
  counter: number;
}

/**
 * Requests to other relays to close a connection, retransmitted at the intervals of RFC 8489
 * section 6.2.1. If a close were lost, the other peer would continue to send to a leg that no
 * longer exists.
 */
export class CloseRequests {
  readonly #trunk: Trunk;
  readonly #clock: Clock;
  readonly #random: RandomBytes;
  /** At the bound the tenant with most requests loses one. */
  readonly #byTransaction = new FairTable<Pending>(CLOSES_PENDING_MAX, 'newest');
  readonly #byName = new Map<string, Pending>();
  readonly #wheel: TimingWheel<Pending>;
  /** Number of closes that were not retransmitted, because of the bound. */
  unrepeated = 0;

  constructor(trunk: Trunk, clock: Clock, random: RandomBytes) {
    this.#trunk = trunk;
    this.#clock = clock;
    this.#random = random;
    this.#wheel = new TimingWheel(100, clock.monotonic(), ({ name }) => name.tenant);
  }

  /** Number of close requests that await a response. */
  get pending(): number {
    return this.#byTransaction.size;
  }

  /**
   * Requests the close of a connection, by the name of this relay's leg.
   * @param code - the reason for the other peer; absent for 437
   */
  send(
    remote: RemoteRelay,
    { tenant, connectionId, role }: LegName,
    code?: CloseRequest['code'],
  ): void {
    const name: LegName = { tenant, connectionId, role };
    this.cancel(name);
    const pending: Pending = {
      remote,
      name,
      transactionId: this.#random(12),
      code,
      requests: 0,
      counter: 0,
    };
    const key = transactionKey(pending.transactionId);
    const { kept, gaveWay } = this.#byTransaction.put(tenant, key, pending);
    if (gaveWay) this.#drop(gaveWay);
    if (kept) this.#byName.set(legKey(name), pending);
    if (gaveWay || !kept) this.unrepeated += 1;
    this.#request(pending);
  }

  /**
   * Stops retransmitting, because the leg exists again: a late close must not end its new
   * connection.
   */
  cancel(name: LegName): void {
    const pending = this.#byName.get(legKey(name));
    if (pending) this.#drop(pending);
  }

  /** Takes the other relay's response. */
  done(remote: RemoteRelay, transactionId: Uint8Array): void {
    const pending = this.#byTransaction.get(transactionKey(transactionId));
    if (pending?.remote === remote) this.#drop(pending);
  }

  /** Whether retransmissions are due that `repeatSome` has left. */
  get moreDue(): boolean {
    return this.#wheel.ripe;
  }

  /** Retransmits the next requests that are due, at most `OVERLAY_LIMITS.endedAtOnce`. */
  repeatSome(): void {
    for (const pending of this.#wheel.turn(this.#clock.monotonic(), OVERLAY_LIMITS.endedAtOnce)) {
      if (pending.requests < CLOSE_REQUESTS_MAX) this.#request(pending);
      else this.#drop(pending);
    }
  }

  #request(pending: Pending): void {
    const { remote, name, transactionId, code } = pending;
    const control = { type: 'close', transactionId, subject: name, code } as const;
    pending.counter = this.#trunk.send(remote, control, pending.counter);
    if (!this.#byTransaction.get(transactionKey(transactionId))) return;
    this.#wheel.set(pending, this.#clock.monotonic() + RTO_MS * 2 ** pending.requests);
    pending.requests += 1;
  }

  #drop(pending: Pending): void {
    this.#wheel.clear(pending);
    this.#byTransaction.delete(transactionKey(pending.transactionId));
    this.#byName.delete(legKey(pending.name));
  }
}
