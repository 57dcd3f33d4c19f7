import { AttributeType } from '../stun/attribute-types.js';
import type { Allocation, RelayedTransportAddress } from './allocation.js';
import type { AllocationEnds } from './allocation-ends.js';
import type { TurnContext } from './context.js';
import { refusalOf, secondsLeft } from './forwarding.js';
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
  tokenSecondsLeft,
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

  /**
   * Prolongs what a request means: all of it, or nothing.
   * @param andThen - what else has to succeed; returns why it fails, and then leaves nothing
   * @returns the lifetime in seconds, or why it is refused
   */
  prolong(
    { request, allocation }: AllocationRequest,
    andThen: () => RefusalReason | undefined = () => undefined,
  ): number | RefusalReason {
    const { table, clock, stats, limits, onEvent } = this.#context;
    const meant = meantBy(request, allocation);
    if (typeof meant === 'string') return meant;
    const tokenSeconds = tokenSecondsLeft(request.principal.token, clock);
    const lifetimeSeconds = lifetimeOf(request.message, limits, tokenSeconds);
    const refusal = this.#put(meant, lifetimeSeconds) ?? andThen();
    if (refusal !== undefined) {
      this.#revert(meant);
      return refusal;
    }
    const until = clock.monotonic() + lifetimeSeconds * 1_000;
    for (const relayed of meant) table.scheduleEnd(relayed, until);
    stats.requests.refreshed += 1;
    onEvent({ type: 'refreshed', lifetimeSeconds, ...allocation.summary() });
    return lifetimeSeconds;
  }

  /** Prolongs entries. @returns why one is not prolonged; undefined if all are */
  #put(
    meant: readonly RelayedTransportAddress[],
    lifetimeSeconds: number,
  ): RefusalReason | undefined {
    for (const relayed of meant) {
      const result = this.#context.forwarding.putRelayed(relayed, lifetimeSeconds);
      if (result !== 'done') return refusalOf(result);
    }
    return undefined;
  }

  /**
   * Gives entries the lifetimes that their relayed transport addresses have. An entry that the data
   * plane is too busy to take back is removed when its address ends, like any other.
   */
  #revert(meant: readonly RelayedTransportAddress[]): void {
    const { forwarding, clock } = this.#context;
    for (const each of meant) forwarding.putRelayed(each, secondsLeft(each, clock.monotonic()));
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
