import { FairQueue } from '../collections/fair-queue.js';
import { unreachablePhrase } from '../trunk/reachability.js';
import type { Attempt, Leg, LegState } from './leg.js';
import { LEG_LIMITS } from './leg-limits.js';
import type { EndReason } from './leg-states.js';
import type { LegTransitions } from './leg-transitions.js';

/** A leg that has lost its connection or its attempt, and what it lost. */
interface Ending {
  readonly leg: Leg;
  readonly lost: LegState;
  readonly reason?: EndReason;
}

/**
 * Ends of many legs at once, `LEG_LIMITS.endedAtOnce` at a time and in turns of the tenants, so
 * that a relay with a hundred thousand of them does not stand still.
 */
export class LegEndings {
  readonly #transitions: LegTransitions;
  readonly #waiting = new FairQueue<Ending>(({ leg }) => leg.tenant);

  constructor(transitions: LegTransitions) {
    this.#transitions = transitions;
  }

  /** Ends every established leg among those given: some now. */
  endAll(legs: readonly Leg[], reason: 'closed_relay_gone' | 'closed_silent'): void {
    if (legs.length === 0) return;
    for (const leg of legs) {
      if (leg.state.type === 'established') this.#waiting.add({ leg, lost: leg.state, reason });
    }
    this.endSome();
  }

  /** Ends every attempt among those given because the other relay cannot be reached: some now. */
  failForUnreachable(legs: readonly Leg[]): void {
    for (const leg of legs) {
      if (leg.state.type === 'connecting') this.#waiting.add({ leg, lost: leg.state });
    }
    this.endSome();
  }

  /** Whether legs wait to be ended. */
  get more(): boolean {
    return this.#waiting.size > 0;
  }

  /** Ends the next few of those that wait for it. */
  endSome(): void {
    for (let left = LEG_LIMITS.endedAtOnce; left > 0 && this.more; left--) {
      const { leg, lost, reason } = this.#waiting.take() as Ending;
      if (leg.state !== lost) continue;
      if (reason !== undefined) this.#transitions.end(leg, reason);
      else if (lost.type === 'connecting') this.#failUnreachable(leg, lost.attempt);
    }
  }

  #failUnreachable(leg: Leg, attempt: Attempt): void {
    const { peerRelay } = leg;
    // It may answer again by the time that its turn comes.
    if (peerRelay === 'self' || peerRelay.unreachable === undefined) return;
    const phrase = unreachablePhrase(peerRelay.id, peerRelay.unreachable);
    this.#transitions.fail(leg, attempt, 'peer-relay-unreachable', phrase);
  }
}
