import type { Nonces } from '../auth/nonce.js';
import type { TenantPrincipal } from '../auth/principal.js';
import { TenantVerifier } from '../auth/tenant-verifier.js';
import type { Clock } from '../clock.js';
import type { RandomBytes } from '../random.js';
import { AttributeType } from '../stun/attribute-types.js';
import { ErrorCode } from '../stun/error-codes.js';
import { Method } from '../stun/methods.js';
import { Authenticator, type Objection } from '../stun-server/authenticator.js';
import { knownAttributes, type MethodTable } from '../stun-server/method-table.js';
import { tupleKey } from '../stun-server/origin.js';
import type { ServerContext } from '../stun-server/server-context.js';
import type { Received, SignsOfLife, Usage } from '../stun-server/usage.js';
import type { LegName } from '../trunk/control-message.js';
import type { SessionIndexPool } from '../trunk/session-index-pool.js';
import type { Trunk } from '../trunk/trunk.js';
import { Allocate } from './allocate.js';
import { CloseRequests } from './close-requests.js';
import { Connect } from './connect.js';
import type { OverlayContext } from './context.js';
import { isExpired } from './credential-expiry.js';
import { EndingQueue } from './ending-queue.js';
import { Forwarding, type OverlayPlane } from './forwarding.js';
import type { Leg } from './leg.js';
import { legNameOf, OVERLAY_REALM } from './leg-credentials.js';
import { LegNonces } from './leg-nonces.js';
import { LegPairing } from './leg-pairing.js';
import { isClose, type LegRequest, type PeerRequest } from './leg-request.js';
import { LegTable } from './leg-table.js';
import { LegTransitions } from './leg-transitions.js';
import { OfferRules } from './offer-rules.js';
import { OVERLAY_LIMITS } from './overlay-limits.js';
import type { OverlayLog } from './overlay-log.js';
import { OverlayStats } from './overlay-stats.js';
import { OverlayTimers } from './overlay-timers.js';
import { ReceivedOffers } from './received-offers.js';
import { Refresh } from './refresh.js';
import type { RefusalReason } from './refusals.js';
import { Responses } from './responses.js';
import { SentOffers } from './sent-offers.js';
import { SessionIndexes } from './session-indexes.js';
import { SilenceWatch } from './silence-watch.js';
import { TrunkMessages } from './trunk-messages.js';

/** Attributes of every request about a leg. */
const LEG_ATTRIBUTES: readonly number[] = [
  AttributeType.ConnectionIdentifier,
  AttributeType.ConnectionRole,
];

/** Dependencies of `Overlay`. */
export interface OverlayOptions {
  readonly tenantRoot: Uint8Array;
  readonly plane: OverlayPlane;
  readonly trunk: Trunk;
  /** Returns whether new legs are refused. */
  readonly isDraining: () => boolean;
  /**
   * Returns whether another usage of the client port holds a 5-tuple, which then gets no leg.
   * @param tupleKey - as the function of that name returns it
   */
  readonly isHeldElsewhere: (tupleKey: string) => boolean;
  /** What the overlay shares with other usages of the client port. */
  readonly server: ServerContext;
  readonly issuer: Nonces;
  readonly log: OverlayLog;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly legsMax: number;
  /** Session indexes of legs. */
  readonly sessionIndexes: SessionIndexPool;
}

/**
 * The rules of legs, connections and offers. Its inputs are peers' requests, other relays' messages
 * and time; its outputs go to `OverlayPlane` and `Trunk`. It has no socket and no timer.
 */
export class Overlay implements Usage, SignsOfLife {
  readonly context: OverlayContext;
  readonly knownAttributes: ReadonlySet<number>;
  /** Handlers of other relays' messages. */
  readonly messages: TrunkMessages;
  /** Handlers of timeouts. */
  readonly timers: OverlayTimers;
  readonly #transitions: LegTransitions;
  readonly #authenticator: Authenticator<TenantPrincipal<LegName>>;
  readonly #methods: MethodTable<LegRequest>;

  constructor(options: OverlayOptions) {
    this.context = contextOf(options);
    const transitions = new LegTransitions(this.context);
    const endings = new EndingQueue(transitions);
    const pairing = new LegPairing(this.context, transitions);
    const offers = new OfferRules(this.context, transitions, pairing);
    this.#transitions = transitions;
    this.#authenticator = new Authenticator(options.server, {
      realm: OVERLAY_REALM,
      verifier: new TenantVerifier({
        tenantRoot: options.tenantRoot,
        realm: OVERLAY_REALM.name,
        claimsOf: legNameOf,
      }),
      nonces: this.context.nonces,
    });
    const allocate = new Allocate(this.context, transitions, options);
    const connect = new Connect(this.context, transitions, pairing);
    const refresh = new Refresh(this.context, transitions, options.server.access);
    const entry = (
      handler: { handle(request: LegRequest): void },
      attributes: readonly number[],
    ) => ({
      attributes: [...LEG_ATTRIBUTES, ...attributes],
      handle: (request: LegRequest) => handler.handle(request),
    });
    const { XorPeerRelayAddress, RequestedTransport, XorPeerAddress, Lifetime } = AttributeType;
    this.#methods = new Map([
      [Method.Allocate, entry(allocate, [XorPeerRelayAddress, RequestedTransport, Lifetime])],
      [Method.Connect, entry(connect, [XorPeerAddress])],
      [Method.Refresh, entry(refresh, [Lifetime])],
    ]);
    this.knownAttributes = knownAttributes(this.#methods);
    this.messages = new TrunkMessages(this.context, { transitions, endings, offers });
    this.timers = new OverlayTimers(this.context, transitions, endings);
  }

  /** Returns whether a 5-tuple has a leg. @param tupleKey - its key */
  holds(tupleKey: string): boolean {
    return this.context.legs.tuples.hasLegs(tupleKey);
  }

  /** Every message that no other usage owns belongs to the overlay. */
  owns(): boolean {
    return true;
  }

  /** Handles a message of a peer: a request, or an indication, which is a sign of life. */
  receive(received: Received): void {
    if (received.message.messageClass !== 'request') {
      return this.heard(tupleKey(received.origin.tuple));
    }
    const request = this.#authenticator.authenticate(received);
    if (request === undefined) return;
    const leg = this.context.legs.get(request.principal.claims);
    const objection = this.#objection(request, leg);
    if (objection !== undefined) return this.#authenticator.challenge(request, objection);
    this.#authenticator.accept(request);
    this.heard(request.tupleKey);
    this.#dispatch(request, leg);
  }

  /** Objects to an expired credential, and to a nonce that an earlier leg of the name has seen. */
  #objection(request: PeerRequest, leg: Leg | undefined): Objection | undefined {
    const { clock, nonces } = this.context;
    if (isExpired(request, leg, clock.now())) {
      return { code: ErrorCode.Unauthenticated, reason: 'expired' };
    }
    const leastSeconds = nonces.wanted(request, leg);
    if (leastSeconds === undefined) return undefined;
    return { code: ErrorCode.StaleNonce, reason: 'earlier-nonce', leastSeconds };
  }

  /** Passes a request to its method's handler, with the leg of its credential. */
  #dispatch(request: PeerRequest, leg: Leg | undefined): void {
    const { responses } = this.context;
    const { unknownAttributes } = request;
    if (unknownAttributes.length > 0) {
      return responses.refused(request, 'unknown-attribute', { unknownAttributes });
    }
    const misnaming = misnamingOf(request);
    if (misnaming !== undefined) return responses.refused(request, misnaming);
    const entry = this.#methods.get(request.method);
    if (entry === undefined) return responses.refused(request, 'unknown-method');
    if (leg !== undefined && leg.tupleKey !== request.tupleKey && !isClose(request)) {
      return responses.refused(request, 'leg-of-another-address');
    }
    entry.handle({ request, leg });
  }

  /** Notes a sign of life of a 5-tuple, for all its legs. */
  heard(tupleKey: string): void {
    const { legs, clock } = this.context;
    legs.tuples.heard(tupleKey, clock.monotonic());
  }

  /**
   * Ends all legs with Closed 300, because the relay is about to stop: established ones first. Each
   * step ends `OVERLAY_LIMITS.endedAtOnce`.
   * @yields the number of remaining legs
   */
  *closeAll(): Generator<number> {
    const legs = this.context.legs.all();
    const established = legs.filter(({ state }) => state.type === 'established');
    const others = legs.filter(({ state }) => state.type !== 'established');
    for (const [index, leg] of [...established, ...others].entries()) {
      this.#transitions.end(leg, 'closed_draining');
      if ((index + 1) % OVERLAY_LIMITS.endedAtOnce === 0) yield this.context.legs.size;
    }
  }
}

/** Returns why a request does not name the leg of its credential; undefined if it does. */
function misnamingOf({ message, principal }: PeerRequest): RefusalReason | undefined {
  const { connectionId, role } = principal.claims;
  const identifier = message.connectionIdentifier();
  const namedRole = message.connectionRole();
  const isMalformed = message.has(AttributeType.ConnectionRole) && namedRole === undefined;
  if (identifier === undefined || isMalformed) return 'attribute-missing';
  const isNamed = identifier === connectionId && (namedRole ?? role) === role;
  return isNamed ? undefined : 'credential-of-another-leg';
}

function contextOf(options: OverlayOptions): OverlayContext {
  const { plane, trunk, server, issuer, log, clock, random, legsMax, sessionIndexes } = options;
  const stats = new OverlayStats();
  const responses = new Responses({ plane, random, stats, log });
  return {
    clock,
    random,
    plane,
    trunk,
    legs: new LegTable(legsMax, clock.monotonic(), server.proven),
    forwarding: new Forwarding(plane, clock),
    offers: new ReceivedOffers(),
    sentOffers: new SentOffers(trunk, clock, random),
    nonces: new LegNonces({ issuer, clock, random }),
    indexes: new SessionIndexes(sessionIndexes),
    closes: new CloseRequests(trunk, clock, random),
    responses,
    stats,
    log,
    silence: new SilenceWatch(plane, clock, (leg) => responses.remind(leg)),
  };
}
