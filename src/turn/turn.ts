import type { TransportAddress } from '../address.js';
import type { TurnPrincipal } from '../auth/turn-principal.js';
import type { TurnVerifier } from '../auth/turn-verifier.js';
import type { DataPlaneEvent } from '../native/events.js';
import { AttributeType } from '../stun/attribute-types.js';
import { ErrorCode } from '../stun/error-codes.js';
import { integrityKind } from '../stun/integrity.js';
import type { StunMessage } from '../stun/message.js';
import { Method } from '../stun/methods.js';
import { Authenticator } from '../stun-server/authenticator.js';
import { knownAttributes, type MethodTable } from '../stun-server/method-table.js';
import { tupleKey } from '../stun-server/origin.js';
import type { Received, SignsOfLife, Usage } from '../stun-server/usage.js';
import type { UserLookups } from '../stun-server/user-lookups.js';
import { Allocate } from './allocate.js';
import type { Allocation, AllocationHolder } from './allocation.js';
import { AllocationEnds } from './allocation-ends.js';
import { AllocationTable } from './allocation-table.js';
import { AlternateServers } from './alternate-servers.js';
import { ChannelBind } from './channel-bind.js';
import type { TurnContext } from './context.js';
import { CreatePermission } from './create-permission.js';
import { DataIndications } from './data-indication.js';
import { Forwarding } from './forwarding.js';
import { MobileRefresh, ticketOf } from './mobile-refresh.js';
import { Moves } from './moves.js';
import { peerPorts } from './peer-checks.js';
import { Permissions } from './permissions.js';
import { PolicyChange } from './policy-change.js';
import { Refresh } from './refresh.js';
import type { RefusalReason } from './refusals.js';
import { RelayedAddresses } from './relayed-addresses.js';
import { Reservations } from './reservations.js';
import { ResponseMemory, transactionKey } from './response-memory.js';
import { Responses, replyTarget } from './responses.js';
import { TURN_LIMITS } from './turn-limits.js';
import type { ClientDescription, PeerRules, TurnLimits, TurnOptions } from './turn-options.js';
import { type AllocationRequest, type ClientRequest, hasExpired } from './turn-request.js';
import { TurnStats } from './turn-stats.js';
import { TurnTimers } from './turn-timers.js';
import { TurnTrunk } from './turn-trunk.js';
import { UserBandwidth } from './user-bandwidth.js';

/**
 * The TURN usage over UDP (RFC 8656). Its inputs are clients' requests, events of the data plane
 * and time; its outputs go to `TurnPlane`. It has no socket and no timer. Payloads, and with them
 * Send and Data indications, stay in the data plane.
 */
export class Turn implements Usage, SignsOfLife {
  readonly knownAttributes: ReadonlySet<number>;
  readonly #context: TurnContext;
  readonly #authenticator: Authenticator<TurnPrincipal>;
  /** The users that are looked up elsewhere; undefined where none are. */
  readonly lookups: UserLookups<TurnPrincipal> | undefined;
  readonly #ends: AllocationEnds;
  readonly #policyChange: PolicyChange;
  readonly #timers: TurnTimers;
  readonly #indications: DataIndications;
  readonly #allocate: Allocate;
  readonly #alternates: AlternateServers;
  readonly #mobileRefresh: MobileRefresh;
  readonly #authenticatesBinding: boolean;
  /** The methods of requests about an allocation. */
  readonly #methods: MethodTable<AllocationRequest>;

  constructor(options: TurnOptions) {
    const context = contextOf(options);
    const permissions = new Permissions(context);
    const { mobility = false, isHeldElsewhere = () => false } = options;
    this.#context = context;
    this.#authenticator = new Authenticator(options.server, options, (request) =>
      this.#handle(request),
    );
    this.lookups = options.lookups;
    this.#authenticatesBinding = options.authenticatesBinding ?? false;
    this.#ends = new AllocationEnds(context);
    this.#policyChange = new PolicyChange(context, this.#ends);
    this.#timers = new TurnTimers(context, this.#ends);
    this.#indications = new DataIndications(context, options.plane);
    this.#allocate = new Allocate(context, {
      mobility,
      defaultFamily: options.defaultFamily ?? 'ipv4',
      isDraining: options.isDraining ?? (() => false),
      isHeldElsewhere,
      contain: options.contain ?? ((action) => action()),
      tellsIcmpErrors: options.tellsIcmpErrors ?? expectsIcmpErrors,
    });
    this.#alternates = new AlternateServers(options.server, options.alternateServers ?? []);
    const refresh = new Refresh(context, this.#ends);
    this.#mobileRefresh = new MobileRefresh(context, refresh, { mobility, isHeldElsewhere });
    const createPermission = new CreatePermission(context, permissions);
    const channelBind = new ChannelBind(context, permissions);
    const { Lifetime, RequestedAddressFamily, XorPeerAddress, ChannelNumber } = AttributeType;
    const entry = (
      handler: { handle(request: AllocationRequest): void },
      attributes: readonly number[],
    ) => ({ attributes, handle: (request: AllocationRequest) => handler.handle(request) });
    this.#methods = new Map([
      [Method.Refresh, entry(refresh, [Lifetime, RequestedAddressFamily])],
      [Method.CreatePermission, entry(createPermission, [XorPeerAddress])],
      [Method.ChannelBind, entry(channelBind, [XorPeerAddress, ChannelNumber])],
    ]);
    this.knownAttributes = new Set([
      ...knownAttributes(this.#methods),
      AttributeType.RequestedTransport,
      AttributeType.EvenPort,
      AttributeType.DontFragment,
      AttributeType.ReservationToken,
      ...(options.realm.thirdParty === undefined ? [] : [AttributeType.AccessToken]),
      ...OF_OTHER_MESSAGES,
    ]);
  }

  get stats(): TurnStats {
    return this.#context.stats;
  }

  get limits(): TurnLimits {
    return this.#context.limits;
  }

  /** Number of allocations. */
  get allocations(): number {
    return this.#context.table.size;
  }

  /** Number of ports of relayed transport addresses in use: open, opening or reserved. */
  get relayedPorts(): number {
    return this.#context.addresses.held;
  }

  /** What goes over the trunk to other relays; undefined without them. */
  get trunk(): TurnTrunk | undefined {
    return this.#context.trunk;
  }

  /** Notes that other relays are known now, or at other addresses (`PeerTrunk.relayAt`). */
  relaysChanged(): void {
    const { trunk, table } = this.#context;
    if (trunk !== undefined) for (const each of table.all()) trunk.wantAll(each);
  }

  /** Returns whether a 5-tuple has an allocation, or is getting one. @param tupleKey - its key */
  holds(tupleKey: string): boolean {
    const { table } = this.#context;
    return table.get(tupleKey) !== undefined || table.opening(tupleKey) !== undefined;
  }

  /**
   * Owns the requests of TURN. Send and Data are no requests (RFC 8656 section 17), and the data
   * plane handles those indications that it should.
   */
  owns({ method, messageClass }: StunMessage): boolean {
    if (messageClass !== 'request') return false;
    if (method === Method.Binding) return this.#authenticatesBinding;
    return method === Method.Allocate || this.#methods.has(method);
  }

  /** Handles a client's request. Never throws for anything in it. */
  receive(received: Received): void {
    if (this.#redirects(received)) return;
    const { message, origin } = received;
    // A new allocation needs the user as it is now; one that exists keeps whom it was made for.
    const isNew = message.method === Method.Allocate;
    const allocation = isNew ? undefined : this.#allocationOf(message, tupleKey(origin.tuple));
    const request = this.#authenticator.authenticate(received, allocation?.kept);
    if (request !== undefined) this.#handle(request);
  }

  /** Handles an authenticated request. */
  #handle(request: ClientRequest): void {
    const { memory, responses, stats } = this.#context;
    const kept = memory.find(transactionKey(request));
    if (kept !== undefined) {
      this.#authenticator.accept(request);
      stats.requests.retransmitted += 1;
      return responses.again(request, kept);
    }
    const allocation = this.#allocationOf(request.message, request.tupleKey);
    if (allocation !== undefined && this.#allocate.answerAgain(request, allocation)) {
      this.#authenticator.accept(request);
      stats.requests.retransmitted += 1;
      return;
    }
    if (hasExpired(request, allocation, this.#context.clock)) {
      const { Unauthenticated: code } = ErrorCode;
      return this.#authenticator.challenge(request, { code, reason: 'expired' });
    }
    this.#authenticator.accept(request);
    this.#dispatch(request, allocation);
  }

  /** Returns the allocation that a message is about: that of its ticket, else of its 5-tuple. */
  #allocationOf(message: StunMessage, tupleKey: string): Allocation | undefined {
    const { moves, table } = this.#context;
    const ticket = message.method === Method.Refresh ? ticketOf({ message }) : undefined;
    if (ticket === undefined) return table.get(tupleKey);
    return moves.holderOf(ticket)?.allocation;
  }

  /**
   * Sends a client that asks for its first allocation, still without credentials, to another server
   * if this one takes none (RFC 8489 section 10). @returns whether the request is done with
   */
  #redirects(received: Received): boolean {
    const { message, origin } = received;
    const { addresses, stats } = this.#context;
    if (message.method !== Method.Allocate || integrityKind(message) !== undefined) return false;
    if (!this.#allocate.isClosed && !addresses.isFull) return false;
    // No other server knows a token.
    if (message.has(AttributeType.ReservationToken)) return false;
    if (this.holds(tupleKey(origin.tuple))) return false;
    const isSent = this.#alternates.redirect(received);
    if (isSent === true) stats.redirected += 1;
    return isSent !== undefined;
  }

  /** Passes a request to its method's handler (RFC 8656 section 5). */
  #dispatch(request: ClientRequest, allocation: Allocation | undefined): void {
    const { unknownAttributes: unknown } = request;
    if (unknown.length > 0) return this.#refuse(request, 'unknown-attribute', unknown);
    if (request.method === Method.Binding) return this.#answerBinding(request);
    if (request.method === Method.Allocate) return this.#allocate.handle(request);
    const ticket = request.method === Method.Refresh ? ticketOf(request) : undefined;
    if (ticket !== undefined) return this.#mobileRefresh.handle(request, ticket);
    if (allocation === undefined) return this.#refuse(request, 'no-allocation');
    if (!allocation.isOf(request.principal)) {
      return this.#refuse(request, 'allocation-of-another-user');
    }
    // It has received the response to its move.
    if (request.tupleKey !== allocation.tupleKey) this.#context.moves.arrive(allocation);
    allocation.renew(request);
    this.#methods.get(request.method)?.handle({ request, allocation });
  }

  /** Tells a client its address. */
  #answerBinding(request: ClientRequest): void {
    const { responses, stats } = this.#context;
    stats.requests.bindings += 1;
    responses.bound(replyTarget(request));
  }

  #refuse(request: ClientRequest, reason: RefusalReason, unknown: readonly number[] = []): void {
    this.#context.responses.refused(replyTarget(request), reason, unknown);
  }

  /** Ignores signs of life: an allocation lives by its lifetime alone (RFC 8656 section 8). */
  heard(): void {}

  /**
   * Handles an event of the data plane: tells the client an ICMP error (RFC 8656 section 11.5),
   * gives an allocation the 5-tuple that its client has moved to, and ends what used a relayed
   * endpoint that has failed. Ignores other events.
   */
  event(event: DataPlaneEvent): void {
    if (event.type === 'icmp-error') return this.#indications.tell(event);
    if (event.type === 'client-moved') return this.#context.moves.heard(event.number);
    if (event.type !== 'endpoint-closed') return;
    const relayed = this.#context.table.ofHandle(event.handle);
    if (relayed !== undefined) this.#ends.endRelayed(relayed, 'socket-failed');
  }

  /**
   * Ends what has expired and applies a changed peer policy, within bounds. To be called every
   * 100 ms or so.
   * @returns whether work is left; call again after other work has had its turn
   */
  tick(): boolean {
    this.lookups?.tick();
    const more = this.#policyChange.tick();
    return this.#timers.tick() || more;
  }

  /** Replaces the bounds. Existing allocations stay. */
  setLimits(limits: TurnLimits): void {
    this.#context.limits = limits;
    this.#context.addresses.heldMax = limits.allocationsMax;
  }

  /** Replaces the servers that clients are sent to while new allocations are refused. */
  setAlternateServers(servers: readonly TransportAddress[]): void {
    this.#alternates.servers = servers;
  }

  /** Bounds the bytes per second of each user, also of those with allocations; 0: no bound. */
  setUserBandwidth(bytesPerSecond: number): void {
    this.#context.bandwidth.setRate(bytesPerSecond);
  }

  /**
   * Replaces the peer policy. Requests are judged by it at once. Permissions and channels of peers
   * that it denies end within some ticks (`PolicyChange`), and permissions of addresses of which it
   * allows only some ports then hold for those.
   */
  setPolicy(policy: PeerRules): void {
    this.#context.policy = policy;
    this.#policyChange.apply();
  }

  /**
   * Ends the allocations of credentials that are no longer accepted, those that are being made
   * included: of removed users, changed passwords and removed secrets.
   * @param accepts - is given the whole username, the key that proved its Allocate, and the terms
   *   of its token (`TurnVerifier.accepts`). Users that were looked up are not asked about:
   *   `endUser`
   */
  endUsers(accepts: TurnVerifier['accepts']): void {
    this.#endWhose(({ username, key, kept }) => {
      const token = kept?.principal.token;
      return (kept === undefined || token !== undefined) && !accepts(username, key, token);
    });
  }

  /**
   * Ends the allocations of a user, those that are being made included. No result of a look-up that
   * was begun before counts for the user.
   * @param user - the username, or the name that quotas count
   * @returns the number of allocations that existed
   */
  endUser(user: string): number {
    this.lookups?.forget(user);
    return this.#endWhose((holder) => holder.username === user || holder.user === user);
  }

  #endWhose(isEnded: (holder: AllocationHolder) => boolean): number {
    this.#allocate.endWhose(isEnded);
    const ended = this.#context.table.all().filter(isEnded);
    for (const allocation of ended) this.#ends.end(allocation, 'user-removed');
    return ended.length;
  }

  /**
   * Ends all allocations, because the server stops; no other is made from now on. Their entries and
   * sockets stay in the data plane, which has to be closed next. Each step ends
   * `TURN_LIMITS.endedAtOnce`.
   * @yields the number of remaining allocations
   */
  *closeAll(): Generator<number> {
    this.lookups?.close();
    this.#allocate.stop();
    this.#ends.stop();
    const { table } = this.#context;
    for (const [index, allocation] of table.all().entries()) {
      this.#ends.end(allocation, 'server-stopped');
      if ((index + 1) % TURN_LIMITS.endedAtOnce === 0) yield table.size;
    }
  }
}

/**
 * Comprehension-required attributes of responses and indications. In a request they are known, but
 * not expected, and so ignored (RFC 8489 section 6.3).
 */
const OF_OTHER_MESSAGES: readonly number[] = [
  AttributeType.MappedAddress,
  AttributeType.ErrorCode,
  AttributeType.UnknownAttributes,
  AttributeType.XorMappedAddress,
  AttributeType.XorRelayedAddress,
  AttributeType.Data,
];

function expectsIcmpErrors({ dontFragment, isOfRfc8656 }: ClientDescription): boolean {
  return dontFragment || isOfRfc8656;
}

function contextOf(options: TurnOptions): TurnContext {
  const { plane, server, policy, limits, clock, random, log } = options;
  const stats = new TurnStats();
  const addresses = new RelayedAddresses(options, limits.allocationsMax);
  const table = new AllocationTable(clock.monotonic(), server.proven);
  // The policy is replaced at a reload.
  const portsOf = (address: string) => peerPorts(context, address);
  const forwarding = new Forwarding(plane, portsOf, limits);
  const limitsNow = () => context.limits;
  const means = { addresses, forwarding, portsOf, limits: limitsNow, clock, random };
  const shared = {
    clock,
    random,
    table,
    addresses,
    reservations: new Reservations(),
    forwarding,
    bandwidth: new UserBandwidth(plane, options.userBandwidth ?? 0),
    memory: new ResponseMemory(clock),
    responses: new Responses(plane, stats, log, options.softwareAttribute === true),
    stats,
    log,
    trunk: options.trunk && new TurnTrunk(means, options.trunk),
    onEvent: options.onEvent ?? (() => {}),
    policy,
    limits,
  };
  const context: TurnContext = Object.assign(shared, { moves: new Moves(shared) });
  return context;
}
