import { AttributeType } from '../stun/attribute-types.js';
import type { OverlayContext } from './context.js';
import { type LegRequest, lifetimeOf } from './leg-request.js';
import type { LegTransitions } from './leg-transitions.js';

/**
 * Handles Refresh (PROTOCOL.md section 2): extends a leg's lifetime. LIFETIME 0 closes the leg,
 * from any 5-tuple that proves the credential.
 */
export class Refresh {
  readonly #context: OverlayContext;
  readonly #transitions: LegTransitions;

  constructor(context: OverlayContext, transitions: LegTransitions) {
    this.#context = context;
    this.#transitions = transitions;
  }

  handle(request: LegRequest): void {
    const { legs, responses } = this.#context;
    const { message } = request;
    if (message.has(AttributeType.Lifetime) && message.lifetimeSeconds() === undefined) {
      return responses.refused(request, 'attribute-missing');
    }
    const leg = legs.get(request.leg);
    if (!leg) return responses.refused(request, 'no-such-leg');
    if (message.lifetimeSeconds() === 0) {
      // A datagram leaves after the changes asked for before it: who has this response sends
      // nothing more through the leg.
      this.#transitions.end(leg, 'closed_by_peer');
      return responses.refreshed(request, 0);
    }
    if (leg.tupleKey !== request.tupleKey) {
      return responses.refused(request, 'leg-of-another-address');
    }
    leg.signer = request.signer;
    leg.lifetimeSeconds = lifetimeOf(request);
    if (!this.#transitions.prolong(leg, 'refresh')) return responses.postponed(request);
    responses.refreshed(request, leg.lifetimeSeconds, leg);
  }
}
