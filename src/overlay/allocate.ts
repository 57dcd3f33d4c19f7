import { familyOf } from '../address.js';
import { AttributeType, UDP_PROTOCOL } from '../stun/attribute-types.js';
import { LEG_LIMITS } from '../stun/leg-limits.js';
import type { OverlayContext } from './context.js';
import { Leg, type PeerRelay } from './leg.js';
import { type LegRequest, lifetimeOf, livenessMsOf, type PeerRequest } from './leg-request.js';
import type { LegTransitions } from './leg-transitions.js';

/** Dependencies of `Allocate` besides the context. */
export interface AllocateOptions {
  /** Returns whether new legs are refused. */
  readonly isDraining: () => boolean;
  /** As in `OverlayOptions`. */
  readonly isHeldElsewhere: (tupleKey: string) => boolean;
}

/** Handles Allocate (PROTOCOL.md section 2): reserves a leg, or refreshes the 5-tuple's own. */
export class Allocate {
  readonly #context: OverlayContext;
  readonly #transitions: LegTransitions;
  readonly #options: AllocateOptions;

  constructor(context: OverlayContext, transitions: LegTransitions, options: AllocateOptions) {
    this.#context = context;
    this.#transitions = transitions;
    this.#options = options;
  }

  /** Handles a request, with the leg of its credential. */
  handle({ request, leg }: LegRequest): void {
    const { responses } = this.#context;
    const { message } = request;
    const transport = message.requestedTransport();
    const named = message.address(AttributeType.XorPeerRelayAddress);
    if (transport === undefined || named === undefined || message.connectionRole() === undefined) {
      return responses.refused(request, 'attribute-missing');
    }
    if (message.has(AttributeType.Lifetime) && message.lifetimeSeconds() === undefined) {
      return responses.refused(request, 'attribute-missing');
    }
    if (transport !== UDP_PROTOCOL) return responses.refused(request, 'transport-not-udp');
    const peerRelay = this.#context.trunk.relays.serving(named);
    if (peerRelay === undefined) return responses.refused(request, 'unknown-peer-relay');
    if (peerRelay !== 'self' && peerRelay.path === undefined) {
      return responses.refused(request, 'no-common-family');
    }
    if (leg) this.#again(request, leg, peerRelay);
    else this.#reserve(request, peerRelay);
  }

  #again(request: PeerRequest, leg: Leg, peerRelay: PeerRelay): void {
    const { responses, legs } = this.#context;
    if (!leg.takeTurn('allocate', request.transactionId)) return responses.outdated();
    if (leg.peerRelay !== peerRelay) {
      if (leg.state.type !== 'reserved') return responses.refused(request, 'connected-elsewhere');
      legs.setPeerRelay(leg, peerRelay);
    }
    leg.signer = request.signer;
    leg.lifetimeSeconds = lifetimeOf(request);
    leg.livenessMs = livenessMsOf(request);
    if (!this.#transitions.prolong(leg, 'allocate')) return responses.postponed(request);
    responses.allocated(request, leg);
  }

  #reserve(request: PeerRequest, peerRelay: PeerRelay): void {
    const { legs, responses, clock, closes, stats } = this.#context;
    const { origin, signer, tupleKey } = request;
    const name = request.principal.claims;
    if (this.#options.isHeldElsewhere(tupleKey)) {
      return responses.refused(request, 'tuple-in-use');
    }
    if (this.#options.isDraining()) {
      const { relays } = this.#context.trunk;
      return responses.redirected(request, relays.alternate(familyOf(origin.tuple.remote)));
    }
    const refusal = legs.refusal(name.tenant, clock.monotonic());
    if (refusal !== undefined) return responses.refused(request, refusal);
    const leg = new Leg({
      name,
      origin,
      tupleKey,
      peerRelay,
      signer,
      lifetimeSeconds: lifetimeOf(request),
      expiresAt: clock.monotonic() + LEG_LIMITS.reservedMs,
    });
    leg.livenessMs = livenessMsOf(request);
    leg.nonceFrom = request.nonceSeconds;
    leg.nonceNewest = request.nonceSeconds;
    leg.takeTurn('allocate', request.transactionId);
    closes.cancel(leg);
    legs.add(leg);
    stats.legs.allocated += 1;
    this.#transitions.schedule(leg);
    responses.allocated(request, leg);
  }
}
