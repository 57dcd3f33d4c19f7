import { LIMITS } from '../limits.js';
import { Method } from '../stun/methods.js';
import type { CloseCode, ReplyTarget } from './answers.js';
import type { RelayContext } from './context.js';
import type { Attempt, Leg, Pairing } from './leg.js';
import type { EndReason } from './stats.js';

/** What the peer is told, by why its connection ended; nothing when it asked for it itself. */
const CLOSE_CODES: Record<EndReason, CloseCode | undefined> = {
  closed_by_peer: undefined,
  closed_by_other_side: 437,
  closed_expired: 437,
  closed_relay_gone: 447,
  closed_draining: 300,
};

/** The ends and set-backs of a leg: what must be undone, and who must be told. */
export class LegLife {
  readonly #context: RelayContext;
  /** Legs that lost their connection, and the connection they lost. */
  #ending: { readonly leg: Leg; readonly pairing: Pairing }[] = [];
  #ended = 0;

  constructor(context: RelayContext) {
    this.#context = context;
  }

  /** Puts the leg's next look-at into the wheel, from its state. */
  schedule(leg: Leg): void {
    const { legs } = this.#context;
    switch (leg.state.type) {
      case 'reserved':
        legs.schedule(leg, leg.state.until);
        break;
      case 'connecting': {
        const { deadline, offer } = leg.state.attempt;
        legs.schedule(leg, offer ? Math.min(deadline, offer.nextAt) : deadline);
        break;
      }
      case 'established':
        legs.schedule(leg, leg.state.expiresAt);
        break;
      case 'closed':
        break;
    }
  }

  /** Back to reserved for 30 s, as after an answer of 403 or 447. */
  reserve(leg: Leg): void {
    leg.state = {
      type: 'reserved',
      until: this.#context.clock.monotonic() + LIMITS.legReservedMs,
    };
    this.schedule(leg);
  }

  /**
   * Answers the pending Connect with an error; the leg is reserved again. The other relay forgets
   * our offer, and what it may have made of it already.
   */
  failAttempt(leg: Leg, attempt: Attempt, code: 403 | 447 | 508): void {
    const { answers, stats, plane, closes } = this.#context;
    const { offer } = attempt;
    answers.refused(connectTarget(leg, attempt), code);
    if (code === 403) stats.legs.mismatched += 1;
    else stats.legs.not_established += 1;
    if (offer?.bound) plane.removeSession(offer.sessionIndex);
    if (offer) closes.send(offer.remote, leg);
    this.reserve(leg);
  }

  /**
   * Ends the leg and, where both are here, the other one. The other relay is told unless the end
   * came from there or it is gone.
   */
  end(leg: Leg, reason: EndReason): void {
    const { legs, answers, indexes, plane, clock } = this.#context;
    const { state } = leg;
    if (state.type === 'closed') return;
    leg.state = { type: 'closed' };
    if (state.type === 'established') this.#unpair(leg, state, reason);
    if (state.type === 'connecting') this.#abandon(leg, state.attempt);
    const code = CLOSE_CODES[reason];
    if (code !== undefined && (state.type === 'established' || code === 300)) {
      answers.closed(leg, code);
    }
    const now = clock.monotonic();
    if (leg.channel !== undefined) legs.freeChannel(leg, leg.channel, now);
    if (leg.sessionIndex !== undefined) {
      plane.removeSession(leg.sessionIndex);
      indexes.free(leg.sessionIndex, now);
    }
    legs.delete(leg, now);
  }

  /**
   * Ends every established leg among those given because the other relay is gone: some now, the
   * rest `LIMITS.legsEndedAtOnce` at a time, so that a relay with a hundred thousand of them does
   * not stand still. The data plane has let go of all of them already.
   */
  endForGoneRelay(legs: readonly Leg[]): void {
    for (const leg of legs) {
      if (leg.state.type === 'established') this.#ending.push({ leg, pairing: leg.state });
    }
    this.endSome();
  }

  /** Whether legs wait to be ended. */
  get moreToEnd(): boolean {
    return this.#ended < this.#ending.length;
  }

  /** Ends the next few of those that wait for it. */
  endSome(): void {
    for (const { leg, pairing } of this.#nextToEnd()) {
      if (leg.state === pairing) this.end(leg, 'closed_relay_gone');
    }
  }

  #nextToEnd() {
    const next = this.#ending.slice(this.#ended, this.#ended + LIMITS.legsEndedAtOnce);
    this.#ended += next.length;
    if (this.moreToEnd) return next;
    this.#ending = [];
    this.#ended = 0;
    return next;
  }

  #unpair(leg: Leg, { other, remote, remoteIndex, channel }: Pairing, reason: EndReason): void {
    const { plane, closes, stats, indexes } = this.#context;
    const { worker, tuple } = leg.origin;
    plane.removeClientFlow({ worker, tuple, channel });
    stats.legs[reason] += 1;
    if (other) {
      this.end(other, reason === 'closed_draining' ? reason : 'closed_by_other_side');
    }
    if (!remote) return;
    remote.connections -= 1;
    indexes.unlinkRemote(remote, remoteIndex);
    if (reason !== 'closed_by_other_side' && reason !== 'closed_relay_gone') {
      closes.send(remote, leg);
    }
  }

  #abandon(leg: Leg, { offer }: Attempt): void {
    if (offer) this.#context.closes.send(offer.remote, leg);
  }
}

/** The pending Connect of an attempt, as something to answer. */
export function connectTarget(leg: Leg, { transactionId, signer }: Attempt): ReplyTarget {
  return { origin: leg.origin, method: Method.Connect, transactionId, signer };
}
