import { AttributeType } from '../stun/attribute-types.js';
import type { RelayedTransportAddress } from './allocation.js';
import type { AllocationEnds } from './allocation-ends.js';
import type { TurnContext } from './context.js';
import { refusalOf } from './forwarding.js';
import { shareOf } from './holder-counts.js';
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
  handle({ request, allocation }: AllocationRequest): void {
    const { responses } = this.#context;
    const { message } = request;
    const { RequestedAddressFamily } = AttributeType;
    const number = message.addressFamilyNumber(RequestedAddressFamily);
    const isMalformed = message.has(RequestedAddressFamily) && number === undefined;
    if (isMalformed || hasMalformedLifetime(message)) {
      return void responses.refused(replyTarget(request), 'attribute-missing');
    }
    const family = familyOfNumber(number);
    const meant = allocation.relayed.filter(
      (each) => number === undefined || each.family === family,
    );
    if (meant.length === 0) {
      return void responses.refused(replyTarget(request), 'family-mismatch');
    }
    if (message.lifetimeSeconds() === 0) return this.#delete(request, meant);
    this.#prolong(request, meant);
  }

  /** Deletes. A retransmission gets the same success, not a 437. */
  #delete(request: ClientRequest, meant: readonly RelayedTransportAddress[]): void {
    const { responses, memory, stats } = this.#context;
    for (const relayed of meant) this.#ends.endRelayed(relayed, 'deleted');
    stats.requests.refreshed += 1;
    const response = responses.refreshed(replyTarget(request), 0);
    memory.keep(shareOf(request.principal), transactionKey(request), response);
  }

  #prolong(request: ClientRequest, meant: readonly RelayedTransportAddress[]): void {
    const { forwarding, table, clock, responses, stats, onEvent } = this.#context;
    const lifetimeSeconds = lifetimeOf(request.message);
    for (const relayed of meant) {
      const result = forwarding.putRelayed(relayed, lifetimeSeconds);
      if (result !== 'done') {
        return void responses.refused(replyTarget(request), refusalOf(result));
      }
      table.schedule(relayed, clock.monotonic() + lifetimeSeconds * 1_000);
    }
    stats.requests.refreshed += 1;
    responses.refreshed(replyTarget(request), lifetimeSeconds);
    for (const { allocation } of meant.slice(0, 1)) {
      onEvent({ type: 'refreshed', lifetimeSeconds, ...allocation.summary() });
    }
  }
}
