import { AttributeType } from '../stun/attribute-types.js';
import type { Allocation, RelayedTransportAddress } from './allocation.js';
import type { AllocationEnds } from './allocation-ends.js';
import type { TurnContext } from './context.js';
import { refusalOf } from './forwarding.js';
import { shareOf } from './holder-counts.js';
import type { RefusalReason } from './refusals.js';
import { transactionKey } from './response-memory.js';
import { replyTarget } from './responses.js';
import {
  type AllocationRequest,
  type ClientRequest,
  familyOfNumber,
  hasMalformedLifetime,
  lifetimeOf,
} from './turn-request.js';

/**
 * Handles Refresh (RFC 8656 section 8.2): prolongs or, with LIFETIME 0, deletes an allocation. With
 * REQUESTED-ADDRESS-FAMILY it does so for the relayed transport address of that family.
 */
export class Refresh {
  readonly #context: TurnContext;
  readonly #ends: AllocationEnds;

  constructor(context: TurnContext, ends: AllocationEnds) {
    this.#context = context;
    this.#ends = ends;
  }

  /** Handles a request. */
  handle(asked: AllocationRequest): void {
    const { responses } = this.#context;
    const { request } = asked;
    if (request.message.lifetimeSeconds() === 0) return this.#delete(asked);
    const lifetimeSeconds = this.prolong(asked);
    if (typeof lifetimeSeconds === 'string') {
      return void responses.refused(replyTarget(request), lifetimeSeconds);
    }
    responses.refreshed(replyTarget(request), lifetimeSeconds);
  }

  /** Prolongs what a request means. @returns the lifetime in seconds, or why it is refused */
  prolong({ request, allocation }: AllocationRequest): number | RefusalReason {
    const { forwarding, table, clock, stats, limits, onEvent } = this.#context;
    const meant = meantBy(request, allocation);
    if (typeof meant === 'string') return meant;
    const lifetimeSeconds = lifetimeOf(request.message, limits);
    for (const relayed of meant) {
      const result = forwarding.putRelayed(relayed, lifetimeSeconds);
      if (result !== 'done') return refusalOf(result);
      table.scheduleEnd(relayed, clock.monotonic() + lifetimeSeconds * 1_000);
    }
    stats.requests.refreshed += 1;
    onEvent({ type: 'refreshed', lifetimeSeconds, ...allocation.summary() });
    return lifetimeSeconds;
  }

  /** Deletes. A retransmission gets the same success, not a 437. */
  #delete({ request, allocation }: AllocationRequest): void {
    const { responses, memory, stats } = this.#context;
    const meant = meantBy(request, allocation);
    if (typeof meant === 'string') return void responses.refused(replyTarget(request), meant);
    for (const relayed of meant) this.#ends.endRelayed(relayed, 'deleted');
    stats.requests.refreshed += 1;
    const response = responses.refreshed(replyTarget(request), 0);
    memory.keep(shareOf(request.principal), transactionKey(request), response);
  }
}

/** Returns the relayed transport addresses that a request is about, or why it is refused. */
function meantBy(
  { message }: ClientRequest,
  { relayed }: Allocation,
): readonly RelayedTransportAddress[] | RefusalReason {
  const { RequestedAddressFamily } = AttributeType;
  const number = message.addressFamilyNumber(RequestedAddressFamily);
  const isMalformed = message.has(RequestedAddressFamily) && number === undefined;
  if (isMalformed || hasMalformedLifetime(message)) return 'attribute-missing';
  const family = familyOfNumber(number);
  const meant = relayed.filter((each) => number === undefined || each.family === family);
  return meant.length === 0 ? 'family-mismatch' : meant;
}
