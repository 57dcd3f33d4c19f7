import type { AddressFamily } from '../address.js';
import { AttributeType } from '../stun/attribute-types.js';
import type { StunMessage } from '../stun/message.js';
import { Method } from '../stun/methods.js';
import { type AllocateWish, allocateWish, defaultFamilyOf } from './allocate-request.js';
import { Allocation, type AllocationHolder, type OpenedAddress } from './allocation.js';
import type { TurnContext } from './context.js';
import { refusalOf, secondsLeft } from './forwarding.js';
import { shareOf } from './holder-counts.js';
import type { RefusalReason } from './refusals.js';
import type { OpenFailure } from './relayed-addresses.js';
import { RESERVATION_TOKEN_BYTES, Reservation } from './reservations.js';
import { latin1, transactionKey } from './response-memory.js';
import { type AllocateSuccess, type ReplyTarget, replyTarget } from './responses.js';
import { TURN_LIMITS } from './turn-limits.js';
import type { ClientDescription, DefaultFamily } from './turn-options.js';
import { type ClientRequest, tokenSecondsLeft } from './turn-request.js';

/**
 * An Allocate request whose relayed transport addresses are being opened. It holds no view of the
 * request's bytes.
 */
interface PendingAllocate {
  readonly to: ReplyTarget;
  readonly tupleKey: string;
  readonly holder: AllocationHolder;
  readonly transaction: string;
  readonly tellsIcmpErrors: boolean;
  readonly wish: AllocateWish;
  readonly reservation: Reservation | undefined;
}

/** The open relayed transport address of a family, or why there is none. */
interface FamilyOpening {
  readonly family: AddressFamily;
  readonly opening: OpenedAddress | OpenFailure | 'family-not-supported';
}

/** The failed family of a dual allocation, and why. */
interface FamilyFailure {
  readonly family: AddressFamily;
  readonly reason: RefusalReason;
}

/** Dependencies of `Allocate` besides the context. */
export interface AllocateOptions {
  /** Returns whether new allocations are refused. */
  readonly isDraining: () => boolean;
  /** As in `TurnOptions`. */
  readonly mobility: boolean;
  /** As in `TurnOptions`. */
  readonly defaultFamily: DefaultFamily;
  /** As in `TurnOptions`. */
  readonly isHeldElsewhere: (tupleKey: string) => boolean;
  /** As in `TurnOptions`. */
  readonly contain: (action: () => void) => void;
  readonly tellsIcmpErrors: (client: ClientDescription) => boolean;
}

/**
 * Handles Allocate (RFC 8656 section 7.2). The data plane opens relayed transport addresses
 * asynchronously. Until then retransmissions of the request join it, and other Allocates of the
 * 5-tuple are refused.
 */
export class Allocate {
  readonly #context: TurnContext;
  readonly #options: AllocateOptions;
  #isStopped = false;
  /** The requests in progress whose users are still accepted. */
  readonly #pending = new Set<PendingAllocate>();

  constructor(context: TurnContext, options: AllocateOptions) {
    this.#context = context;
    this.#options = options;
  }

  /** Whether new allocations are refused because the server is to stop. */
  get isClosed(): boolean {
    return this.#options.isDraining() || this.#isStopped;
  }

  /** Makes no allocation any more, also for requests in progress. */
  stop(): void {
    this.#isStopped = true;
  }

  /** Makes none of the requests in progress of users who are no longer accepted. */
  endWhose(isEnded: (holder: AllocationHolder) => boolean): void {
    for (const pending of this.#pending) {
      if (isEnded(pending.holder)) this.#pending.delete(pending);
    }
  }

  /** Handles a request. */
  handle(request: ClientRequest): void {
    const { table, stats, addresses, limits } = this.#context;
    const transaction = transactionKey(request);
    const opening = table.opening(request.tupleKey);
    if (opening === transaction) {
      stats.requests.retransmitted += 1;
      return;
    }
    if (opening !== undefined || table.get(request.tupleKey) !== undefined) {
      return this.#refuse(request, 'allocation-exists');
    }
    if (this.#options.isHeldElsewhere(request.tupleKey)) {
      return this.#refuse(request, 'tuple-in-use');
    }
    const { message, principal, origin } = request;
    if (addresses.isHeld(origin.tuple.remote)) return this.#refuse(request, 'client-is-relayed');
    const hasFamily = (family: AddressFamily) => addresses.has(family);
    const { remote } = origin.tuple;
    const defaultFamily = defaultFamilyOf(this.#options.defaultFamily, remote, hasFamily);
    const tokenSeconds = tokenSecondsLeft(principal.token, this.#context.clock);
    const rules = { hasFamily, defaultFamily, limits, tokenSeconds };
    const wish = allocateWish(message, rules);
    if (typeof wish === 'string') return this.#refuse(request, wish);
    if (wish.isMobile && !this.#options.mobility) {
      return this.#refuse(request, 'mobility-forbidden');
    }
    if (this.isClosed) return this.#refuse(request, 'draining');
    const reservation = wish.token && this.#context.reservations.find(wish.token, principal.user);
    if (wish.token !== undefined && reservation === undefined) {
      return this.#refuse(request, 'no-reservation');
    }
    const refusal = this.#quotaRefusal(principal, wish, reservation);
    if (refusal !== undefined) return this.#refuse(request, refusal);
    const pending = {
      to: replyTarget(request),
      tupleKey: request.tupleKey,
      holder: holderOf(request),
      transaction,
      tellsIcmpErrors: this.#options.tellsIcmpErrors(descriptionOf(message)),
      wish,
      reservation,
    };
    if (reservation !== undefined) this.#claim(reservation);
    table.beginOpening(request.tupleKey, transaction, pending.holder);
    this.#pending.add(pending);
    void this.#open(pending).then((openings) => {
      this.#options.contain(() => this.#opened(pending, openings));
    });
  }

  /**
   * Answers the request that made an allocation, which is retransmitted, from what the allocation
   * has now (RFC 8656 section 7.2): the response to it is kept no more.
   * @returns false if the request is another one
   */
  answerAgain(request: ClientRequest, allocation: Allocation): boolean {
    const { method, tupleKey, principal } = request;
    if (method !== Method.Allocate || tupleKey !== allocation.tupleKey) return false;
    if (!allocation.isOf(principal)) return false;
    if (latin1(request.transactionId) !== allocation.transactionId) return false;
    const { responses, clock } = this.#context;
    const now = clock.monotonic();
    const lifetimeSeconds = Math.min(...allocation.relayed.map((each) => secondsLeft(each, now)));
    const success = this.#success(allocation, lifetimeSeconds);
    responses.allocated(replyTarget(request), allocation, success);
    return true;
  }

  #success({ further, mobility }: Allocation, lifetimeSeconds: number): AllocateSuccess {
    const ticket = mobility && this.#context.moves.ticketOf(mobility);
    return { lifetimeSeconds, token: further?.token, ticket, failed: further?.failed };
  }

  /** Refuses a request. Retransmissions get the same response. */
  #refuse(request: ClientRequest, reason: RefusalReason): void {
    const { responses, memory } = this.#context;
    const response = responses.refused(replyTarget(request), reason);
    if (response === undefined) return;
    memory.keep(shareOf(request.principal), transactionKey(request), response);
  }

  /**
   * Returns why a user gets no further allocation; a reservation already counts for its user. The
   * users of a tenant get at most half of all, and at most as many as are left, so that a few
   * tenants leave room for another.
   */
  #quotaRefusal(
    { user, userQuota, tenant }: ClientRequest['principal'],
    { port }: AllocateWish,
    reservation: Reservation | undefined,
  ): RefusalReason | undefined {
    const { table, limits } = this.#context;
    if (reservation !== undefined) return undefined;
    const further = port === 'pair' ? 2 : 1;
    const quota = userQuota ?? limits.userQuota;
    const { holders } = table;
    if (holders.ofUser(user) + further > quota) return 'user-quota';
    if (tenant === undefined) return undefined;
    const { allocationsMax } = limits;
    const left = allocationsMax - holders.total;
    const tenantQuota = Math.min(Math.floor(allocationsMax / 2), left);
    return holders.ofTenant(tenant) + further > tenantQuota ? 'tenant-quota' : undefined;
  }

  #claim(reservation: Reservation): void {
    const { reservations, table } = this.#context;
    reservations.delete(reservation);
    table.unschedule(reservation);
    table.holders.remove(reservation);
  }

  #reserve(reservation: Reservation): void {
    const { reservations, table, clock } = this.#context;
    reservations.put(reservation);
    table.holders.add(reservation);
    table.schedule(reservation, clock.monotonic() + TURN_LIMITS.reservationMs);
  }

  /** Opens what a request asks for. Never rejects. */
  async #open(pending: PendingAllocate): Promise<readonly FamilyOpening[]> {
    const { addresses } = this.#context;
    const { wish, reservation, to } = pending;
    const { worker } = to.origin;
    if (reservation !== undefined) return [await this.#openReserved(reservation, worker)];
    return Promise.all(
      wish.families.map(async (family) => ({
        family,
        opening: addresses.has(family)
          ? await addresses.open(family, worker, wish.port)
          : ('family-not-supported' as const),
      })),
    );
  }

  /** Opens a reserved port. If the data plane is busy, the token stays valid. */
  async #openReserved(reservation: Reservation, worker: number): Promise<FamilyOpening> {
    const { addresses } = this.#context;
    const { family } = reservation.ports;
    const opening = await addresses.openHeld(reservation, worker);
    if (opening === 'data-plane-busy') this.#reserve(reservation);
    else if (typeof opening === 'string') addresses.free(reservation);
    return { family, opening: opening === 'bound-by-another' ? 'ports-used-up' : opening };
  }

  #opened(pending: PendingAllocate, openings: readonly FamilyOpening[]): void {
    const { table, bandwidth } = this.#context;
    table.endOpening(pending.tupleKey, pending.holder);
    const opened = openings.flatMap(({ opening }) => (isOpen(opening) ? [opening] : []));
    const failed = openings.map(failureOf).find((each) => each !== undefined);
    const isAccepted = this.#pending.delete(pending);
    if (this.#isStopped) return this.#abandon(pending, opened, 'draining');
    if (!isAccepted) return this.#abandon(pending, opened, 'user-removed');
    if (failed !== undefined && (opened.length === 0 || failed.reason === 'data-plane-busy')) {
      return this.#abandon(pending, opened, failed.reason);
    }
    const bucket = bandwidth.hold(pending.holder);
    if (bucket === undefined) return this.#abandon(pending, opened, 'data-plane-full');
    const allocation = this.#allocationOf(pending, opened, bucket);
    const fault = this.#put(allocation, pending.wish);
    if (fault !== undefined) {
      bandwidth.release(allocation.user);
      return this.#abandon(pending, opened, fault);
    }
    this.#succeed(pending, allocation, failed);
  }

  #allocationOf(
    { to, tupleKey, holder, tellsIcmpErrors, wish }: PendingAllocate,
    opened: readonly OpenedAddress[],
    bucket: number,
  ): Allocation {
    const { clock, moves } = this.#context;
    const { origin } = to;
    // A whole number takes no memory of its own.
    const since = Math.floor(clock.monotonic());
    const mobility = wish.isMobile ? moves.mobility() : undefined;
    const transactionId = latin1(to.transactionId);
    const about = { mobility, origin, tupleKey, holder, since, tellsIcmpErrors, bucket };
    return new Allocation({ ...about, transactionId, opened });
  }

  /** Puts the allocation into the data plane. @returns why that fails; undefined if it succeeds */
  #put({ relayed }: Allocation, { lifetimeSeconds }: AllocateWish): RefusalReason | undefined {
    const { forwarding } = this.#context;
    for (const [index, each] of relayed.entries()) {
      const result = forwarding.putRelayed(each, lifetimeSeconds);
      if (result === 'done') continue;
      for (const put of relayed.slice(0, index)) forwarding.removeRelayed(put);
      // Its socket has failed since it was opened; no peer is meant.
      return result === 'unsendable' ? 'no-socket' : refusalOf(result);
    }
    return undefined;
  }

  #succeed(
    pending: PendingAllocate,
    allocation: Allocation,
    failed: FamilyFailure | undefined,
  ): void {
    const { table, trunk, memory, responses, stats, clock, onEvent } = this.#context;
    const { to, wish } = pending;
    const { lifetimeSeconds } = wish;
    table.add(allocation);
    const until = clock.monotonic() + lifetimeSeconds * 1_000;
    for (const relayed of allocation.relayed) {
      table.scheduleEnd(relayed, until);
      trunk?.beginRelayed(relayed);
    }
    const token = wish.port === 'pair' ? this.#reserveNext(allocation) : undefined;
    stats.requests.allocated += 1;
    if (token !== undefined || failed !== undefined) allocation.further = { token, failed };
    const success = this.#success(allocation, lifetimeSeconds);
    const response = responses.allocated(to, allocation, success);
    memory.keep(shareOf(allocation), pending.transaction, response);
    onEvent({ type: 'allocated', lifetimeSeconds, ...allocation.summary() });
  }

  /** Reserves the port after the allocation's. @returns RESERVATION-TOKEN */
  #reserveNext(allocation: Allocation): Uint8Array | undefined {
    const [first] = allocation.relayed;
    if (first === undefined) return undefined;
    const { ports, port } = first;
    const token = this.#context.random(RESERVATION_TOKEN_BYTES);
    this.#reserve(new Reservation(token, allocation, { ports, port: port + 1 }));
    return token;
  }

  /**
   * Closes what a request has opened, and answers it. If the data plane is busy, its token stays
   * valid for the retransmission.
   */
  #abandon(
    { to, transaction, wish, holder, reservation }: PendingAllocate,
    opened: readonly OpenedAddress[],
    reason: RefusalReason,
  ): void {
    const { addresses, responses, memory } = this.#context;
    const staysReserved = reason === 'data-plane-busy' && reservation !== undefined;
    for (const each of opened) {
      if (staysReserved) addresses.close(each, () => this.#reserve(reservation));
      else addresses.close(each);
      if (wish.port === 'pair') each.ports.putBack(each.port + 1);
    }
    const response = responses.refused(to, reason);
    if (response !== undefined) memory.keep(shareOf(holder), transaction, response);
  }
}

function holderOf({ principal, signer, kept }: ClientRequest): AllocationHolder {
  const { username, user, tenant } = principal;
  return { username, user, tenant, key: signer.key, kept };
}

/** Attributes that no client of RFC 5389 and RFC 5766 sends. */
const OF_RFC_8656: readonly number[] = [
  AttributeType.UserHash,
  AttributeType.PasswordAlgorithm,
  AttributeType.MessageIntegritySha256,
  AttributeType.AdditionalAddressFamily,
];

function descriptionOf(message: StunMessage): ClientDescription {
  return {
    software: message.text(AttributeType.Software),
    dontFragment: message.has(AttributeType.DontFragment),
    isOfRfc8656: OF_RFC_8656.some((type) => message.has(type)),
  };
}

function failureOf({ family, opening }: FamilyOpening): FamilyFailure | undefined {
  return isOpen(opening) ? undefined : { family, reason: opening };
}

function isOpen(opening: FamilyOpening['opening']): opening is OpenedAddress {
  return typeof opening === 'object';
}
