import { AttributeType } from '../stun/attribute-types.js';
import type { AccessNetworks } from '../stun-server/access-networks.js';
import type { OverlayContext } from './context.js';
import { isClose, type LegRequest, lifetimeOf, type PeerRequest } from './leg-request.js';
import type { LegTransitions } from './leg-transitions.js';

/**
 * Handles Refresh (PROTOCOL.md section 2): extends a leg's lifetime. LIFETIME 0 closes the leg,
 * from any 5-tuple that proves the credential.
 */
export class Refresh {
  readonly #context: OverlayContext;
  readonly #transitions: LegTransitions;
  readonly #access: AccessNetworks | undefined;

  /** @param access - takes what peers tell of their legs */
  constructor(
    context: OverlayContext,
    transitions: LegTransitions,
    access: AccessNetworks | undefined,
  ) {
    this.#context = context;
    this.#transitions = transitions;
    this.#access = access;
  }

  /** Handles a request, with the leg of its credential. */
  handle({ request, leg }: LegRequest): void {
    const { responses } = this.#context;
    const { message } = request;
    if (message.has(AttributeType.Lifetime) && message.lifetimeSeconds() === undefined) {
      return responses.refused(request, 'attribute-missing');
    }
    if (!leg) return responses.refused(request, 'no-such-leg');
    // A close may come from another address than the leg's.
    if (leg.tupleKey === request.tupleKey) this.#takeQuality(request);
    if (isClose(request)) {
      // A datagram leaves after the changes asked for before it: who has this response sends
      // nothing more through the leg.
      this.#transitions.end(leg, 'closed_by_peer');
      return responses.refreshed(request, 0);
    }
    leg.signer = request.signer;
    leg.lifetimeSeconds = lifetimeOf(request);
    if (!this.#transitions.prolong(leg, 'refresh')) return responses.postponed(request);
    responses.refreshed(request, leg.lifetimeSeconds, leg);
  }

  #takeQuality({ message, origin, transactionId }: PeerRequest): void {
    const quality = message.legQuality();
    if (quality === undefined) return;
    const report = Buffer.from(transactionId).toString('latin1');
    this.#access?.told(origin.tuple.remote, quality, report);
  }
}
