import type { NonceIssuer } from '../auth/nonce.js';
import { TenantVerifier } from '../auth/tenant-verifier.js';
import type { Clock } from '../clock.js';
import type { RandomBytes } from '../random.js';
import { AttributeType } from '../stun/attribute-types.js';
import { ErrorCode } from '../stun/error-codes.js';
import { Method } from '../stun/methods.js';
import type { AuthenticatedRequest } from '../stun-server/authenticated-request.js';
import type {
  AuthenticatedMethods,
  MethodEntry,
  Objection,
} from '../stun-server/authenticated-usage.js';
import type { ProvenClients } from '../stun-server/proven-clients.js';
import type { LegName } from '../trunk/control-message.js';
import type { Trunk } from '../trunk/trunk.js';
import { Allocate } from './allocate.js';
import { CloseRequests } from './close-requests.js';
import { Connect } from './connect.js';
import type { OverlayContext } from './context.js';
import { isExpired } from './credential-expiry.js';
import { EndingQueue } from './ending-queue.js';
import { Forwarding, type OverlayPlane } from './forwarding.js';
import { legNameOf, OVERLAY_REALM } from './leg-credentials.js';
import { LEG_LIMITS } from './leg-limits.js';
import type { LegLog } from './leg-log.js';
import { LegNonces } from './leg-nonces.js';
import { LegPairing } from './leg-pairing.js';
import type { LegRequest } from './leg-request.js';
import { LegTable } from './leg-table.js';
import { LegTimers } from './leg-timers.js';
import { LegTransitions } from './leg-transitions.js';
import { OfferRules } from './offer-rules.js';
import { OverlayStats } from './overlay-stats.js';
import { ReceivedOffers } from './received-offers.js';
import { Refresh } from './refresh.js';
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

/** Handles the requests of one method that name their credential's leg. */
interface LegHandler {
  handle(request: LegRequest): void;
}

/** Dependencies of `Overlay`. */
export interface OverlayOptions {
  readonly tenantRoot: Uint8Array;
  readonly plane: OverlayPlane;
  readonly trunk: Trunk;
  /** Returns whether new legs are refused. */
  readonly isDraining: () => boolean;
  readonly proven: ProvenClients;
  readonly issuer: NonceIssuer;
  readonly log: LegLog;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly legsMax: number;
  /** Number of session indexes of the data plane. */
  readonly sessionsMax: number;
}

/**
 * The rules of legs, connections and offers. Its inputs are peers' requests, other relays' messages
 * and time; its outputs go to `OverlayPlane` and `Trunk`. It has no socket and no timer.
 */
export class Overlay implements AuthenticatedMethods<LegName> {
  readonly context: OverlayContext;
  readonly realm = OVERLAY_REALM;
  readonly verifier: TenantVerifier<LegName>;
  /** Handlers of peers' requests, by method. */
  readonly methods: ReadonlyMap<number, MethodEntry<LegName>>;
  /** Handlers of other relays' messages. */
  readonly messages: TrunkMessages;
  /** Handlers of timeouts. */
  readonly timers: LegTimers;
  readonly #transitions: LegTransitions;

  constructor(options: OverlayOptions) {
    this.context = contextOf(options);
    const transitions = new LegTransitions(this.context);
    const endings = new EndingQueue(transitions);
    const pairing = new LegPairing(this.context, transitions);
    const offers = new OfferRules(this.context, transitions, pairing);
    this.#transitions = transitions;
    this.verifier = new TenantVerifier({ ...options, realm: this.realm, claimsOf: legNameOf });
    const allocate = new Allocate(this.context, transitions, options.isDraining);
    const connect = new Connect(this.context, transitions, pairing);
    const refresh = new Refresh(this.context, transitions);
    const entry = (handler: LegHandler, attributes: readonly number[]) => ({
      attributes: [...LEG_ATTRIBUTES, ...attributes],
      handle: (request: AuthenticatedRequest<LegName>) => this.#handle(request, handler),
    });
    const { XorPeerRelayAddress, RequestedTransport, XorPeerAddress, Lifetime } = AttributeType;
    this.methods = new Map([
      [Method.Allocate, entry(allocate, [XorPeerRelayAddress, RequestedTransport, Lifetime])],
      [Method.Connect, entry(connect, [XorPeerAddress])],
      [Method.Refresh, entry(refresh, [Lifetime])],
    ]);
    this.messages = new TrunkMessages(this.context, { transitions, endings, offers });
    this.timers = new LegTimers(this.context, transitions, endings);
  }

  /** Every authenticated request belongs to the overlay. */
  takes(): boolean {
    return true;
  }

  issueNonce(ip: string, leastSeconds?: number): string {
    return this.context.nonces.issue(ip, leastSeconds);
  }

  /** Objects to an expired credential, and to a nonce that an earlier leg of the name has seen. */
  objection(request: AuthenticatedRequest<LegName>): Objection | undefined {
    const { legs, clock, nonces } = this.context;
    const leg = legs.get(request.principal.claims);
    if (isExpired(request, leg, clock.now())) {
      return { code: ErrorCode.Unauthenticated, reason: 'expired' };
    }
    const leastSeconds = nonces.wanted(request, leg);
    if (leastSeconds === undefined) return undefined;
    return { code: ErrorCode.StaleNonce, reason: 'earlier-nonce', leastSeconds };
  }

  refuseAttributes(
    request: AuthenticatedRequest<LegName>,
    unknownAttributes: readonly number[],
  ): void {
    const { responses } = this.context;
    responses.refused(legRequest(request), 'unknown-attribute', { unknownAttributes });
  }

  refuseMethod(request: AuthenticatedRequest<LegName>): void {
    this.#handle(request, {
      handle: (named) => this.context.responses.refused(named, 'unknown-method'),
    });
  }

  /** Passes a request to its handler if it names the leg of its credential. */
  #handle(authenticated: AuthenticatedRequest<LegName>, handler: LegHandler): void {
    const request = legRequest(authenticated);
    const { responses } = this.context;
    const { message, leg } = request;
    const identifier = message.connectionIdentifier();
    const role = message.connectionRole();
    if (identifier === undefined) return responses.refused(request, 'attribute-missing');
    if (message.has(AttributeType.ConnectionRole) && role === undefined) {
      return responses.refused(request, 'attribute-missing');
    }
    if (identifier !== leg.connectionId || (role ?? leg.role) !== leg.role) {
      return responses.refused(request, 'credential-of-another-leg');
    }
    handler.handle(request);
  }

  /** Notes a sign of life of a 5-tuple, for all its legs. */
  heard(tupleKey: string): void {
    const { legs, clock } = this.context;
    legs.tuples.heard(tupleKey, clock.monotonic());
  }

  /**
   * Ends all legs with Closed 300, because the relay is about to stop: established ones first. Each
   * step ends `LEG_LIMITS.endedAtOnce`.
   * @yields the number of remaining legs
   */
  *closeAll(): Generator<number> {
    const legs = this.context.legs.all();
    const established = legs.filter(({ state }) => state.type === 'established');
    const others = legs.filter(({ state }) => state.type !== 'established');
    for (const [index, leg] of [...established, ...others].entries()) {
      this.#transitions.end(leg, 'closed_draining');
      if ((index + 1) % LEG_LIMITS.endedAtOnce === 0) yield this.context.legs.size;
    }
  }
}

function legRequest(request: AuthenticatedRequest<LegName>): LegRequest {
  return { ...request, leg: request.principal.claims };
}

function contextOf(options: OverlayOptions): OverlayContext {
  const { plane, trunk, proven, issuer, log, clock, random, legsMax, sessionsMax } = options;
  const stats = new OverlayStats();
  const responses = new Responses({ plane, random, stats, log });
  return {
    clock,
    random,
    plane,
    trunk,
    legs: new LegTable(legsMax, clock.monotonic(), proven),
    forwarding: new Forwarding(plane, clock),
    offers: new ReceivedOffers(),
    sentOffers: new SentOffers(trunk, clock, random),
    nonces: new LegNonces({ issuer, clock, random }),
    indexes: new SessionIndexes(sessionsMax),
    closes: new CloseRequests(trunk, clock, random),
    responses,
    stats,
    log,
    silence: new SilenceWatch(plane, clock, (leg) => responses.remind(leg)),
  };
}
