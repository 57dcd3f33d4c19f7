import { familyOf, type TransportAddress } from '../address.js';
import { AttributeType } from '../stun/attribute-types.js';
import type { OverlayContext } from './context.js';
import { expiryOf, Leg, type PeerRelay } from './leg.js';
import type { LegLife } from './leg-life.js';
import { LEG_LIMITS } from './leg-limits.js';
import type { LegRequest } from './leg-request.js';

/** IANA's protocol number of UDP, for REQUESTED-TRANSPORT. */
const UDP = 17;

/** What the rules of Allocate need to know of the relays around. */
export interface RelayFinder {
  /** The relay that serves peers at the address, if any is known. */
  find(address: TransportAddress): PeerRelay | undefined;
  /** Where a peer of this relay should go instead, while draining. */
  alternate(family: 4 | 6): TransportAddress | undefined;
  readonly draining: boolean;
}

/** The rules of Allocate and Refresh (PROTOCOL.md section 2). */
export class Allocation {
  readonly #context: OverlayContext;
  readonly #life: LegLife;
  readonly #finder: RelayFinder;

  constructor(context: OverlayContext, life: LegLife, finder: RelayFinder) {
    this.#context = context;
    this.#life = life;
    this.#finder = finder;
  }

  /** Reserves a leg, or confirms the one that this 5-tuple holds. */
  allocate(request: LegRequest): void {
    const { message, credential } = request;
    const transport = message.requestedTransport();
    const named = message.address(AttributeType.XorPeerRelayAddress);
    if (transport === undefined || named === undefined || message.connectionRole() === undefined) {
      return this.#context.responses.refused(request, 'attribute-missing');
    }
    if (message.has(AttributeType.Lifetime) && message.lifetimeSeconds() === undefined) {
      return this.#context.responses.refused(request, 'attribute-missing');
    }
    if (transport !== UDP) return this.#context.responses.refused(request, 'transport-not-udp');
    const leg = this.#context.legs.get(credential);
    if (leg && leg.tupleKey !== request.tupleKey)
      return this.#context.responses.refused(request, 'leg-of-another-address');
    const peerRelay = this.#finder.find(named);
    if (peerRelay === undefined) {
      return this.#context.responses.refused(request, 'unknown-peer-relay');
    }
    if (peerRelay !== 'self' && peerRelay.path === undefined)
      return this.#context.responses.refused(request, 'no-common-family');
    if (leg) this.#again(request, leg, peerRelay);
    else this.#reserve(request, peerRelay);
  }

  #again(request: LegRequest, leg: Leg, peerRelay: PeerRelay): void {
    if (!leg.takeTurn('allocate', request.transactionId)) return this.#context.responses.outdated();
    if (leg.peerRelay !== peerRelay) {
      if (leg.state.type !== 'reserved') {
        return this.#context.responses.refused(request, 'connected-elsewhere');
      }
      this.#context.legs.setPeerRelay(leg, peerRelay);
    }
    leg.signer = request.signer;
    leg.lifetimeSeconds = lifetimeOf(request);
    leg.livenessMs = livenessMsOf(request);
    this.#extend(leg);
    this.#context.responses.allocated(request, leg);
  }

  #reserve(request: LegRequest, peerRelay: PeerRelay): void {
    const { legs, responses, clock, closes, stats } = this.#context;
    const { credential, origin, signer, tupleKey } = request;
    if (this.#finder.draining) {
      return responses.redirected(request, this.#finder.alternate(familyOf(origin.tuple.remote)));
    }
    const refusal = legs.refusal(credential.tenant, clock.monotonic());
    if (refusal !== undefined) return this.#context.responses.refused(request, refusal);
    const leg = new Leg({
      name: credential,
      origin,
      tupleKey,
      peerRelay,
      signer,
      lifetimeSeconds: lifetimeOf(request),
      state: { type: 'reserved', until: clock.monotonic() + LEG_LIMITS.reservedMs },
    });
    leg.livenessMs = livenessMsOf(request);
    leg.nonceFrom = request.nonceSeconds;
    leg.nonceNewest = request.nonceSeconds;
    leg.takeTurn('allocate', request.transactionId);
    closes.cancel(leg);
    legs.add(leg);
    stats.legs.allocated += 1;
    this.#life.schedule(leg);
    responses.allocated(request, leg);
  }

  /** Keeps a leg; or with LIFETIME 0 closes it, from any 5-tuple that proves the credential. */
  refresh(request: LegRequest): void {
    const { message, credential } = request;
    const { legs, responses } = this.#context;
    if (message.has(AttributeType.Lifetime) && message.lifetimeSeconds() === undefined) {
      return this.#context.responses.refused(request, 'attribute-missing');
    }
    const leg = legs.get(credential);
    if (!leg) return this.#context.responses.refused(request, 'no-such-leg');
    if (message.lifetimeSeconds() === 0) {
      responses.refreshed(request, 0);
      return this.#life.end(leg, 'closed_by_peer');
    }
    if (leg.tupleKey !== request.tupleKey) {
      return this.#context.responses.refused(request, 'leg-of-another-address');
    }
    leg.signer = request.signer;
    leg.lifetimeSeconds = lifetimeOf(request);
    this.#extend(leg);
    responses.refreshed(request, leg.lifetimeSeconds, leg);
  }

  #extend(leg: Leg): void {
    const now = this.#context.clock.monotonic();
    if (leg.state.type === 'reserved') leg.state.until = now + LEG_LIMITS.reservedMs;
    if (leg.state.type === 'established') {
      // Never sooner: who wants that has it by not refreshing, and a recording must not have it.
      leg.state.expiresAt = Math.max(leg.state.expiresAt, expiryOf(leg, now));
    }
    this.#life.schedule(leg);
  }
}

/** RFC 8656 section 7.2: at least the default, at most the maximum. */
function lifetimeOf({ message }: LegRequest): number {
  const wanted = message.lifetimeSeconds() ?? LEG_LIMITS.lifetimeSeconds;
  return Math.min(Math.max(wanted, LEG_LIMITS.lifetimeSeconds), LEG_LIMITS.lifetimeSecondsMax);
}

/**
 * How long data may go to a peer that answers with nothing, from the LIVENESS of its Allocate or
 * Connect (PROTOCOL.md section 2); 0 for a peer that has promised nothing.
 */
export function livenessMsOf({ message }: LegRequest): number {
  const seconds = message.u32(AttributeType.Liveness) ?? 0;
  return Math.min(seconds * LEG_LIMITS.peerSilentUnderDataMs, LEG_LIMITS.peerSilentMs);
}
