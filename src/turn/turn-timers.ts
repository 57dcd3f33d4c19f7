import type { AllocationEnds } from './allocation-ends.js';
import type { Expiring } from './allocation-table.js';
import type { TurnContext } from './context.js';

/** Deadlines and periodic work of TURN. To be called every 100 ms or so. */
export class TurnTimers {
  readonly #context: TurnContext;
  readonly #ends: AllocationEnds;

  constructor(context: TurnContext, ends: AllocationEnds) {
    this.#context = context;
    this.#ends = ends;
  }

  /** Does what is due, within bounds. @returns whether work is left */
  tick(): boolean {
    const { table, clock, memory, log, moves, trunk } = this.#context;
    moves.tick();
    for (const item of table.due(clock.monotonic())) {
      // Its allocation may have ended just before, with all that it had.
      if (isThere(item)) this.#expire(item);
    }
    memory.tick();
    log.tick();
    const more = trunk?.tick() === true;
    return table.moreDue || more;
  }

  #expire(item: Expiring): void {
    switch (item.kind) {
      case 'relayed':
        return this.#ends.endRelayed(item, 'expired');
      case 'permission':
        return this.#ends.endPermission(item);
      case 'channel':
        return item.state === 'bound'
          ? this.#ends.endChannel(item)
          : this.#ends.forgetChannel(item);
      case 'reservation': {
        const { reservations, table, addresses } = this.#context;
        reservations.delete(item);
        table.holders.remove(item);
        return addresses.free(item);
      }
    }
  }
}

function isThere(item: Expiring): boolean {
  switch (item.kind) {
    case 'permission':
      return item.relayed.allocation.permissions.get(item.address) === item;
    case 'channel':
      return item.relayed.allocation.channels.get(item.number) === item;
    default:
      return true;
  }
}
