import { AttributeType } from '../stun/attribute-types.js';
import type { Allocation, Mobility } from './allocation.js';
import type { TurnContext } from './context.js';
import { refusalOf } from './forwarding.js';
import { shareOf } from './holder-counts.js';
import type { Refresh } from './refresh.js';
import type { RefusalReason } from './refusals.js';
import { transactionKey } from './response-memory.js';
import { replyTarget } from './responses.js';
import { TURN_LIMITS } from './turn-limits.js';
import type { TurnOptions } from './turn-options.js';
import type { ClientRequest } from './turn-request.js';

/** A ticket that is valid for a request. */
interface Ticket {
  readonly allocation: Allocation;
  readonly mobility: Mobility;
  /** Whether a newer one was issued, in a response that the client may not have received. */
  readonly isPrevious: boolean;
}

/** Dependencies of `MobileRefresh` besides the context. */
export type MobileRefreshOptions = Required<Pick<TurnOptions, 'mobility' | 'isHeldElsewhere'>>;

/**
 * Handles Refresh with MOBILITY-TICKET (RFC 8016 section 3.2.2): moves the allocation of the ticket
 * to the 5-tuple of the request, and prolongs it. With LIFETIME 0 it deletes it, from any 5-tuple.
 */
export class MobileRefresh {
  readonly #context: TurnContext;
  readonly #refresh: Refresh;
  readonly #options: MobileRefreshOptions;

  constructor(context: TurnContext, refresh: Refresh, options: MobileRefreshOptions) {
    this.#context = context;
    this.#refresh = refresh;
    this.#options = options;
  }

  /** Handles a request with a ticket. */
  handle(request: ClientRequest, ticket: Uint8Array): void {
    const { responses, moves, memory } = this.#context;
    const to = replyTarget(request);
    const found = this.#find(request, ticket);
    if (typeof found === 'string') return void responses.refused(to, found);
    const { allocation, mobility } = found;
    allocation.renew(request);
    if (request.message.lifetimeSeconds() === 0) {
      return this.#refresh.handle({ request, allocation });
    }
    const refusal = this.#refusal(request, found);
    if (refusal !== undefined) return void responses.refused(to, refusal);
    const lifetimeSeconds = this.#refresh.prolong({ request, allocation }, () =>
      this.#move(request, found),
    );
    if (typeof lifetimeSeconds === 'string') {
      return void responses.refused(to, lifetimeSeconds);
    }
    const response = responses.refreshed(to, lifetimeSeconds, moves.ticketOf(mobility));
    memory.keep(shareOf(allocation), transactionKey(request), response);
  }

  /** Returns the valid ticket, or why it is refused. */
  #find({ principal }: ClientRequest, bytes: Uint8Array): Ticket | RefusalReason {
    if (!this.#options.mobility) return 'mobility-forbidden';
    const holder = this.#context.moves.holderOf(bytes);
    if (holder === undefined) return 'bad-ticket';
    const { allocation, generation } = holder;
    const mobility = allocation?.mobility;
    if (allocation === undefined || mobility === undefined) return 'no-allocation';
    if (!allocation.isOf(principal)) return 'allocation-of-another-user';
    const isPrevious = (generation + 1) % 2 ** 32 === mobility.generation;
    // The previous one counts until the client has been heard from the new 5-tuple.
    const isValid =
      generation === mobility.generation || (isPrevious && mobility.next !== undefined);
    return isValid ? { allocation, mobility, isPrevious } : 'bad-ticket';
  }

  /** Returns why an allocation does not move to the 5-tuple of a request. */
  #refusal(
    { tupleKey, origin }: ClientRequest,
    { allocation, mobility, isPrevious }: Ticket,
  ): RefusalReason | undefined {
    const { table, addresses, clock } = this.#context;
    const { next } = mobility;
    if (tupleKey === next?.tupleKey) return isPrevious ? undefined : 'not-moved';
    const isBack = tupleKey === allocation.tupleKey;
    if (isBack && next === undefined) return 'not-moved';
    if (!isBack) {
      const isTaken = table.get(tupleKey) !== undefined || table.opening(tupleKey) !== undefined;
      if (isTaken) return 'allocation-exists';
      if (this.#options.isHeldElsewhere(tupleKey)) return 'tuple-in-use';
      if (addresses.isHeld(origin.tuple.remote)) return 'client-is-relayed';
    }
    const isTooOften = clock.monotonic() < mobility.movedAt + TURN_LIMITS.moveIntervalMs;
    return isTooOften ? 'moves-too-often' : undefined;
  }

  /** Moves the allocation. @returns why that fails; undefined if it succeeds */
  #move(
    { tupleKey, origin }: ClientRequest,
    { allocation, mobility }: Ticket,
  ): RefusalReason | undefined {
    const { moves } = this.#context;
    // The response to the request that moved it there was lost.
    if (tupleKey === mobility.next?.tupleKey) return undefined;
    if (tupleKey === allocation.tupleKey) {
      moves.goBack(allocation, mobility);
      return undefined;
    }
    // The request's own objects are of its batch.
    const { worker, tuple } = origin;
    const failure = moves.begin(allocation, mobility, { origin: { worker, tuple }, tupleKey });
    return failure && refusalOf(failure);
  }
}

/** Returns the ticket of a request; undefined without one. */
export function ticketOf({ message }: Pick<ClientRequest, 'message'>): Uint8Array | undefined {
  return message.get(AttributeType.MobilityTicket);
}
