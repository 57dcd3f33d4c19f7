import { FairQueue } from '../collections/fair-queue.js';
import { ErrorCode, RefusalCause } from '../stun/error-codes.js';
import { Method } from '../stun/methods.js';
import { unreachablePhrase } from '../trunk/reachability.js';
import type { OverlayContext } from './context.js';
import type { Attempt, Leg, LegState, Pairing } from './leg.js';
import { LEG_LIMITS } from './leg-limits.js';
import type { RefusalReason } from './refusals.js';
import type { CloseCode, ReplyTarget } from './responses.js';
import type { EndReason } from './stats.js';

/** What the peer is told, by why its connection ended; nothing when it asked for it itself. */
const CLOSE_CODES: Record<EndReason, CloseCode | undefined> = {
  closed_by_peer: undefined,
  closed_by_other_side: ErrorCode.AllocationMismatch,
  closed_expired: ErrorCode.AllocationMismatch,
  closed_relay_gone: ErrorCode.ConnectionTimeoutOrFailure,
  closed_draining: ErrorCode.TryAlternate,
  // Should it still hear us: it learns that we do not hear it.
  closed_silent: ErrorCode.AllocationMismatch,
  closed_other_silent: ErrorCode.PeerSilent,
};

/** What the other end of a leg ended of, where both are at this relay. */
function endOfOther(reason: EndReason): EndReason {
  if (reason === 'closed_draining') return reason;
  return reason === 'closed_silent' ? 'closed_other_silent' : 'closed_by_other_side';
}

/** A leg that has lost its connection or its attempt, and what it lost. */
interface Ending {
  readonly leg: Leg;
  readonly lost: LegState;
  readonly reason?: EndReason;
}

/** The ends and set-backs of a leg: what must be undone, and who must be told. */
export class LegLife {
  readonly #context: OverlayContext;
  /** They end a few at a time, in turns of the tenants. */
  readonly #ending = new FairQueue<Ending>(({ leg }) => leg.tenant);

  constructor(context: OverlayContext) {
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
        const waits = offer && !offer.sent;
        legs.schedule(leg, waits ? Math.min(deadline, offer.sentAt + offer.waitMs) : deadline);
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
      until: this.#context.clock.monotonic() + LEG_LIMITS.reservedMs,
    };
    this.schedule(leg);
  }

  /**
   * Answers the pending Connect with an error; the leg is reserved again. The other relay is told
   * where it may hold the connection for established already.
   */
  failAttempt(leg: Leg, attempt: Attempt, reason: RefusalReason, phrase?: string): void {
    const { responses, stats, plane, closes } = this.#context;
    const { offer } = attempt;
    responses.refused(connectTarget(leg, attempt), reason, { phrase });
    leg.refuse(attempt.transactionId, reason, phrase);
    if (reason === 'address-mismatch') stats.legs.mismatched += 1;
    else stats.legs.not_established += 1;
    if (offer?.bound) {
      plane.removeSession(offer.sessionIndex);
      closes.send(offer.remote, leg);
    }
    this.reserve(leg);
  }

  /**
   * Ends the leg and, where both are here, the other one. The other relay is told unless the end
   * came from there or it is gone.
   */
  end(leg: Leg, reason: EndReason): void {
    const { legs, responses, indexes, plane, clock, nonces, stats } = this.#context;
    const { state } = leg;
    if (state.type === 'closed') return;
    leg.state = { type: 'closed' };
    if (state.type === 'established') this.#unpair(leg, state, reason);
    if (state.type === 'connecting') this.#abandon(leg, state.attempt);
    const code = CLOSE_CODES[reason];
    if (code !== undefined && (state.type === 'established' || code === ErrorCode.TryAlternate)) {
      const cause = reason === 'closed_silent' ? RefusalCause.peerUnheard : undefined;
      responses.closed(leg, code, cause);
    }
    const now = clock.monotonic();
    if (leg.channel !== undefined) legs.freeChannel(leg, leg.channel, now);
    if (leg.sessionIndex !== undefined) {
      plane.removeSession(leg.sessionIndex);
      indexes.free(leg.sessionIndex, now);
    }
    legs.delete(leg, now);
    stats.legs.ended += 1;
    nonces.ended(leg);
  }

  /**
   * Ends every established leg among those given: some now, the rest `LEG_LIMITS.endedAtOnce` at a
   * time, so that a relay with a hundred thousand of them does not stand still.
   */
  endAll(legs: readonly Leg[], reason: 'closed_relay_gone' | 'closed_silent'): void {
    if (legs.length === 0) return;
    for (const leg of legs) {
      if (leg.state.type === 'established') this.#ending.add({ leg, lost: leg.state, reason });
    }
    this.endSome();
  }

  /** Ends every attempt among those given because the other relay cannot be reached; as above. */
  failForUnreachable(legs: readonly Leg[]): void {
    for (const leg of legs) {
      if (leg.state.type === 'connecting') this.#ending.add({ leg, lost: leg.state });
    }
    this.endSome();
  }

  /** Whether legs wait to be ended. */
  get moreToEnd(): boolean {
    return this.#ending.size > 0;
  }

  /** Ends the next few of those that wait for it. */
  endSome(): void {
    for (let left = LEG_LIMITS.endedAtOnce; left > 0 && this.moreToEnd; left--) {
      const { leg, lost, reason } = this.#ending.take() as Ending;
      if (leg.state !== lost) continue;
      if (reason !== undefined) this.end(leg, reason);
      else if (lost.type === 'connecting') this.#failUnreachable(leg, lost.attempt);
    }
  }

  #failUnreachable(leg: Leg, attempt: Attempt): void {
    const { peerRelay } = leg;
    // It may answer again by the time that its turn comes.
    if (peerRelay === 'self' || peerRelay.unreachable === undefined) return;
    const phrase = unreachablePhrase(peerRelay.id, peerRelay.unreachable);
    this.failAttempt(leg, attempt, 'peer-relay-unreachable', phrase);
  }

  #unpair(leg: Leg, pairing: Pairing, reason: EndReason): void {
    const { plane, closes, stats, indexes, silence, log } = this.#context;
    const { other, remote, remoteIndex, channel } = pairing;
    // Before the entries go, of which each is one direction of either leg.
    const carried = log.carried(plane, leg, pairing);
    silence.remove(leg);
    stats.legs[reason] += 1;
    if (other) this.end(other, endOfOther(reason));
    plane.removeClientFlow({ ...leg.origin, channel });
    if (carried) log.ended(leg, pairing, reason, carried);
    if (!remote) return;
    remote.connections -= 1;
    indexes.unlinkRemote(remote, remoteIndex);
    if (tellsOtherRelay(reason))
      closes.send(remote, leg, reason === 'closed_silent' ? ErrorCode.PeerSilent : undefined);
  }

  #abandon(leg: Leg, { offer }: Attempt): void {
    // Unless it is bound the other relay has only an offer, which ends by itself.
    if (offer?.bound) this.#context.closes.send(offer.remote, leg);
  }
}

/** The pending Connect of an attempt, as something to answer. */
export function connectTarget(leg: Leg, { transactionId, signer }: Attempt): ReplyTarget {
  const { origin } = leg;
  return { origin, method: Method.Connect, transactionId, signer, credential: leg };
}

/** Not where the end came from there, or where nobody is there. */
function tellsOtherRelay(reason: EndReason): boolean {
  return (
    reason !== 'closed_by_other_side' &&
    reason !== 'closed_other_silent' &&
    reason !== 'closed_relay_gone'
  );
}
