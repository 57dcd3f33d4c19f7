import type { Clock } from '../clock.js';
import { FairTable } from '../collections/fair-table.js';
import { type Timed, TimingWheel } from '../collections/timing-wheel.js';
import type { RandomBytes } from '../random.js';
import { RTO_MS } from '../stun/retransmission.js';
import { type CloseRequest, type LegName, transactionKey } from '../trunk/control-message.js';
import type { RemoteRelay } from '../trunk/remote-relay.js';
import type { Trunk } from '../trunk/trunk.js';
import { legKey } from './leg.js';
import { LEG_LIMITS } from './leg-limits.js';

/** Times that another relay is told that a connection is closed, while it does not answer. */
const CLOSE_REQUESTS_MAX = 6;

/** Close requests awaiting an answer; those beyond it are sent once. */
export const CLOSES_PENDING_MAX = 131_072;

interface Pending extends Timed {
  readonly remote: RemoteRelay;
  readonly name: LegName;
  readonly transactionId: Uint8Array;
  readonly code: CloseRequest['code'];
  requests: number;
  /** What `Trunk.send` returned for it; 0 before. */
  counter: number;
}

/**
 * Tells other relays that a connection is closed, and retransmits as RFC 8489 section 6.2.1 until
 * they answer: where a close is lost the other peer goes on sending to a leg that is gone.
 */
export class CloseRequests {
  readonly #trunk: Trunk;
  readonly #clock: Clock;
  readonly #random: RandomBytes;
  /** Where they are very many, those of the tenant that has most give way. */
  readonly #byTransaction = new FairTable<Pending>(CLOSES_PENDING_MAX, 'newest');
  readonly #byName = new Map<string, Pending>();
  readonly #wheel: TimingWheel<Pending>;
  /** Closes that were sent once only, because too many awaited an answer. */
  unrepeated = 0;

  constructor(trunk: Trunk, clock: Clock, random: RandomBytes) {
    this.#trunk = trunk;
    this.#clock = clock;
    this.#random = random;
    this.#wheel = new TimingWheel(100, clock.monotonic(), ({ name }) => name.tenant);
  }

  /** Close requests that have not been answered. */
  get pending(): number {
    return this.#byTransaction.size;
  }

  /**
   * Tells the other relay that the named leg, one of ours, is closed.
   * @param code - why, for its peer; left out where 437 says it
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

  /** Stops repeating: the leg lives again, and a late close must not end its new connection. */
  cancel(name: LegName): void {
    const pending = this.#byName.get(legKey(name));
    if (pending) this.#drop(pending);
  }

  /** The other relay has answered. */
  done(remote: RemoteRelay, transactionId: Uint8Array): void {
    const pending = this.#byTransaction.get(transactionKey(transactionId));
    if (pending?.remote === remote) this.#drop(pending);
  }

  /** Whether requests are due that have not been repeated. */
  get moreDue(): boolean {
    return this.#wheel.ripe;
  }

  /** Repeats the next few of those that are due. */
  repeatSome(): void {
    for (const pending of this.#wheel.turn(this.#clock.monotonic(), LEG_LIMITS.endedAtOnce)) {
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
