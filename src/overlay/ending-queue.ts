import { FairQueue } from '../collections/fair-queue.js';
import { unreachablePhrase } from '../trunk/reachability.js';
import type { Attempt } from './attempt.js';
import type { Leg, LegState } from './leg.js';
import type { EndReason } from './leg-ends.js';
import type { LegTransitions } from './leg-transitions.js';
import { OVERLAY_LIMITS } from './overlay-limits.js';

/** A leg to end or fail, and the state that it must still have. */
interface Ending {
  readonly leg: Leg;
  readonly lost: LegState;
  readonly reason?: EndReason;
}

/**
 * Ends many legs, `OVERLAY_LIMITS.endedAtOnce` at a time and with tenants taking turns, so that the
 * control thread does not stall.
 */
export class EndingQueue {
  readonly #transitions: LegTransitions;
  readonly #waiting = new FairQueue<Ending>(({ leg }) => leg.tenant);

  constructor(transitions: LegTransitions) {
    this.#transitions = transitions;
  }

  /**
   * Ends the established legs of a list; those beyond the first few in later calls of `endSome`.
   */
  endAll(legs: readonly Leg[], reason: 'closed_relay_gone' | 'closed_silent'): void {
    if (legs.length === 0) return;
    for (const leg of legs) {
      if (leg.state.type === 'established') this.#waiting.add({ leg, lost: leg.state, reason });
    }
    this.endSome();
  }

  /** Fails the attempts of a list, because the other relay is unreachable; as `endAll`. */
  failForUnreachable(legs: readonly Leg[]): void {
    for (const leg of legs) {
      if (leg.state.type === 'connecting') this.#waiting.add({ leg, lost: leg.state });
    }
    this.endSome();
  }

  /** Whether legs are waiting. */
  get more(): boolean {
    return this.#waiting.size > 0;
  }

  /** Ends the next waiting legs, at most `OVERLAY_LIMITS.endedAtOnce`. */
  endSome(): void {
    for (let left = OVERLAY_LIMITS.endedAtOnce; left > 0 && this.more; left--) {
      const { leg, lost, reason } = this.#waiting.take() as Ending;
      if (leg.state !== lost) continue;
      if (reason !== undefined) this.#transitions.end(leg, reason);
      else if (lost.type === 'connecting') this.#failUnreachable(leg, lost.attempt);
    }
  }

  #failUnreachable(leg: Leg, attempt: Attempt): void {
    const { peerRelay } = leg;
    // The relay may be reachable again by now.
    if (peerRelay === 'self' || peerRelay.unreachable === undefined) return;
    const phrase = unreachablePhrase(peerRelay.id, peerRelay.unreachable);
    this.#transitions.fail(leg, attempt, 'peer-relay-unreachable', phrase);
  }
}
