import { LEG_LIMITS } from '../stun/leg-limits.js';
import { Method } from '../stun/methods.js';
import type { Attempt } from './attempt.js';
import type { OverlayContext } from './context.js';
import { expiryOf, type Leg, type Pairing } from './leg.js';
import { type EndReason, LEG_ENDS } from './leg-ends.js';
import type { RefusalReason } from './refusals.js';
import type { ReplyTarget } from './responses.js';

/**
 * Performs every change of a leg's state, as `leg-states.ts` allows it, with its effects: the next
 * deadline, the data plane's entries, and notifications.
 */
export class LegTransitions {
  readonly #context: OverlayContext;

  constructor(context: OverlayContext) {
    this.#context = context;
  }

  /** Sets a leg's deadline from its state. */
  schedule(leg: Leg): void {
    const { legs } = this.#context;
    switch (leg.state.type) {
      case 'reserved':
      case 'established':
        legs.schedule(leg, leg.state.expiresAt);
        break;
      case 'connecting': {
        const { deadline, offer } = leg.state.attempt;
        const waits = offer && !offer.sent;
        legs.schedule(leg, waits ? Math.min(deadline, offer.sentAt + offer.waitMs) : deadline);
        break;
      }
      case 'closed':
        break;
    }
  }

  /**
   * Extends the lifetime of a leg and of its entries after its peer's Allocate or Refresh.
   * @returns false where the data plane has no room for the commands; then nothing changes
   */
  prolong(leg: Leg, event: 'allocate' | 'refresh'): boolean {
    const { clock, forwarding } = this.#context;
    const now = clock.monotonic();
    const { state } = leg;
    if (state.type === 'reserved') {
      leg.prolong(event, now + LEG_LIMITS.reservedMs);
    } else if (state.type === 'established') {
      // Never shortens it: a peer need not, and a recorded request must not.
      const expiresAt = Math.max(state.expiresAt, expiryOf(leg, now));
      if (!forwarding.prolong(leg, state, expiresAt)) return false;
      leg.prolong(event, expiresAt);
    }
    this.schedule(leg);
    return true;
  }

  /** Starts an attempt, on the peer's first Connect. */
  connect(leg: Leg, attempt: Attempt): void {
    leg.enter('connect', { type: 'connecting', attempt });
    this.schedule(leg);
  }

  /** Establishes a leg, because both sides' Connects match, and answers its Connect. */
  pair(leg: Leg, attempt: Attempt, to: Omit<Pairing, 'type' | 'channel' | 'since' | 'expiresAt'>) {
    const { channel } = attempt;
    const { clock, silence, stats, responses } = this.#context;
    const now = clock.monotonic();
    const since = Math.round(now);
    const pairing: Pairing = {
      type: 'established',
      ...to,
      channel,
      since,
      expiresAt: expiryOf(leg, since),
    };
    leg.enter('paired', pairing);
    leg.settle();
    this.schedule(leg);
    silence.add(leg, pairing);
    stats.legs.established += 1;
    const peerRelay = to.remote === undefined ? 'self' : 'other';
    stats.connectSeconds.observe({ peer_relay: peerRelay }, (now - attempt.since) / 1_000);
    responses.connected(connectTarget(leg, attempt), leg, channel);
  }

  /**
   * Fails an attempt: answers the pending Connect with an error; the leg is reserved again. Sends
   * the other relay a close if it may already consider the connection established.
   */
  fail(leg: Leg, attempt: Attempt, reason: RefusalReason, phrase?: string): void {
    const { responses, stats, forwarding, closes, clock } = this.#context;
    const { offer } = attempt;
    responses.refused(connectTarget(leg, attempt), reason, { phrase });
    leg.refuse(attempt.transactionId, reason, phrase);
    if (reason === 'address-mismatch') stats.legs.mismatched += 1;
    else stats.legs.not_established += 1;
    if (offer?.bound) {
      forwarding.unbindSession(offer.sessionIndex);
      closes.send(offer.remote, leg);
    }
    const expiresAt = clock.monotonic() + LEG_LIMITS.reservedMs;
    leg.enter('failed', { type: 'reserved', expiresAt });
    this.schedule(leg);
  }

  /**
   * Ends a leg and, if it is at this relay, the one at the other end. Peer and other relay are
   * notified as in `LEG_ENDS`. No effect on a leg that has ended.
   */
  end(leg: Leg, reason: EndReason): void {
    const { legs, responses, indexes, forwarding, clock, nonces, stats } = this.#context;
    const { state } = leg;
    if (state.type === 'closed') return;
    const { closed, tells } = LEG_ENDS[reason];
    leg.enter(reason, { type: 'closed' });
    if (state.type === 'established') this.#unpair(leg, state, reason);
    if (state.type === 'connecting') this.#abandon(leg, state.attempt);
    if (closed !== undefined && (tells === 'all' || state.type === tells)) {
      responses.closed(leg, closed.code, closed.cause);
    }
    const now = clock.monotonic();
    if (leg.channel !== undefined) legs.tuples.freeChannel(leg, leg.channel, now);
    if (leg.sessionIndex !== undefined) {
      forwarding.unbindSession(leg.sessionIndex);
      indexes.free(leg.sessionIndex, now);
    }
    legs.delete(leg, now);
    stats.legs.ended += 1;
    nonces.ended(leg);
  }

  #unpair(leg: Leg, pairing: Pairing, reason: EndReason): void {
    const { forwarding, closes, stats, indexes, silence, log } = this.#context;
    const { other, remote, remoteIndex } = pairing;
    const { ofOtherLeg, request } = LEG_ENDS[reason];
    // Read before the entries are removed: each is one direction of both legs.
    const carried = log.saysEnd() ? forwarding.carried(leg, pairing) : undefined;
    silence.remove(leg);
    stats.legs[reason] += 1;
    if (other) this.end(other, ofOtherLeg);
    forwarding.stop(leg);
    if (carried) log.ended(leg, pairing, reason, carried);
    if (!remote) return;
    remote.connections -= 1;
    indexes.unlinkRemote(remote, remoteIndex);
    if (request !== undefined) closes.send(remote, leg, request.code);
  }

  #abandon(leg: Leg, { offer }: Attempt): void {
    // Without a bound index the other relay has only an offer, which expires.
    if (offer?.bound) this.#context.closes.send(offer.remote, leg);
  }
}

/** Returns the pending Connect of an attempt, as the target of a response. */
function connectTarget(leg: Leg, { transactionId, signer }: Attempt): ReplyTarget {
  const { origin } = leg;
  const principal = { claims: leg };
  return { origin, method: Method.Connect, transactionId, signer, principal };
}
