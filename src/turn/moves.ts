import { type Allocation, Mobility, type Place } from './allocation.js';
import type { TurnContext } from './context.js';
import type { refusalOf } from './forwarding.js';
import { MobilityTickets, type TicketContent } from './mobility-tickets.js';

/** What a ticket names. */
interface TicketHolder extends TicketContent {
  /** Undefined if it has ended. */
  readonly allocation: Allocation | undefined;
}

/**
 * Moves allocations to other 5-tuples of their clients (RFC 8016). What comes from a new 5-tuple is
 * served at once, while peers still reach the old one. When data or a request has come from the new
 * one, the allocation is there, and the old one is free. The relayed transport addresses stay in
 * the worker that they were opened in; if another one receives the new 5-tuple it passes on what it
 * gets.
 */
export class Moves {
  readonly #context: Omit<TurnContext, 'moves'>;
  readonly #tickets: MobilityTickets;
  /** Those with entries of a 5-tuple that they had, which the data plane was too busy to remove. */
  readonly #arriving = new Set<Allocation>();
  #serial = 0;

  constructor(context: Omit<TurnContext, 'moves'>) {
    this.#context = context;
    this.#tickets = new MobilityTickets(context.random);
  }

  /** Returns what an allocation needs whose client may move. */
  mobility(): Mobility {
    const { table, random } = this.#context;
    do this.#serial = (this.#serial + 1) % 2 ** 32;
    while (table.ofSerial(this.#serial) !== undefined);
    return new Mobility(this.#serial, Buffer.from(random(4)).readUInt32BE());
  }

  /** Returns the newest ticket of an allocation. */
  ticketOf(mobility: Mobility): Uint8Array {
    return this.#tickets.issue(mobility);
  }

  /** Returns what a ticket names; undefined if it is invalid. */
  holderOf(ticket: Uint8Array): TicketHolder | undefined {
    const content = this.#tickets.read(ticket);
    return content && { ...content, allocation: this.#context.table.ofSerial(content.serial) };
  }

  /**
   * Begins to move an allocation. Its tickets until now are void, once data comes from there.
   * @returns why that fails, and then a move that is under way goes on; undefined if it succeeds
   */
  begin(
    allocation: Allocation,
    mobility: Mobility,
    to: Place,
  ): Parameters<typeof refusalOf>[0] | undefined {
    const { forwarding, table, clock, stats } = this.#context;
    // Its entries are first to be those of its present 5-tuple.
    if (mobility.left !== undefined) return 'busy';
    const result = forwarding.putMoved(allocation, to);
    if (result !== 'done') return result;
    this.cancel(allocation, mobility);
    mobility.next = to;
    this.#renew(mobility, clock.monotonic());
    // The worker that has the entries hands up its requests.
    const { worker } = allocation.origin;
    table.beginMove(allocation, { ...to, origin: { ...to.origin, worker } });
    stats.requests.moved += 1;
    return undefined;
  }

  /** Leaves an allocation at the 5-tuple that it has. Does nothing if it does not move. */
  cancel({ origin }: Allocation, mobility: Mobility): void {
    const { forwarding, table } = this.#context;
    if (mobility.next === undefined) return;
    forwarding.removeMoved(origin.worker, mobility.next);
    table.cancelMove(mobility.next);
    mobility.next = undefined;
  }

  /** Leaves an allocation where it was before its move, with a new ticket. */
  goBack(allocation: Allocation, mobility: Mobility): void {
    const { clock, stats } = this.#context;
    this.cancel(allocation, mobility);
    this.#renew(mobility, clock.monotonic());
    stats.requests.moved += 1;
  }

  #renew(mobility: Mobility, now: number): void {
    mobility.generation = (mobility.generation + 1) % 2 ** 32;
    mobility.movedAt = now;
  }

  /** Notes that the client of a move (`Mobility.serial`) has sent data from its new 5-tuple. */
  heard(serial: number): void {
    const allocation = this.#context.table.ofSerial(serial);
    if (allocation !== undefined) this.arrive(allocation);
  }

  /** Gives an allocation the 5-tuple that it moves to, if it does. */
  arrive(allocation: Allocation): void {
    const { mobility, origin, tupleKey } = allocation;
    if (mobility?.next === undefined) return;
    const { table, log, onEvent } = this.#context;
    const { next, receivedBy } = mobility;
    const home = origin.worker;
    const at = { origin: { ...next.origin, worker: home }, tupleKey: next.tupleKey };
    this.#context.forwarding.removePassing(origin, receivedBy);
    mobility.receivedBy = next.origin.worker === home ? undefined : next.origin.worker;
    mobility.left = { origin, tupleKey };
    mobility.next = undefined;
    table.completeMove(allocation, at);
    this.#arriving.add(allocation);
    this.#settle(allocation, mobility);
    const moved = { ...allocation.summary(), from: origin.tuple.remote };
    log.moved(moved);
    onEvent({ type: 'moved', ...moved });
  }

  /** Removes what an allocation that ends has in the data plane because of its moves. */
  end(allocation: Allocation): void {
    const { mobility, origin } = allocation;
    if (mobility === undefined) return;
    const { forwarding } = this.#context;
    if (mobility.next !== undefined) forwarding.removeMoved(origin.worker, mobility.next);
    forwarding.removePassing(origin, mobility.receivedBy);
    if (mobility.left === undefined) return;
    forwarding.removeMovedAtHome(allocation);
    this.#arriving.delete(allocation);
  }

  /** Goes on with what the data plane was too busy for. */
  tick(): void {
    for (const allocation of this.#arriving) {
      if (allocation.mobility !== undefined) this.#settle(allocation, allocation.mobility);
    }
  }

  #settle(allocation: Allocation, mobility: Mobility): void {
    const { forwarding, clock } = this.#context;
    if (mobility.left === undefined) return;
    if (!forwarding.moveEntries(allocation, mobility.left, clock.monotonic())) return;
    forwarding.removeMovedAtHome(allocation);
    mobility.left = undefined;
    this.#arriving.delete(allocation);
  }
}
