import type { OverlayContext } from './context.js';
import type { EndingQueue } from './ending-queue.js';
import type { Leg } from './leg.js';
import type { LegTransitions } from './leg-transitions.js';

/** Interval of sweeping 5-tuples and expired transactions, ms. */
const SWEEP_MS = 5_000;

/**
 * Deadlines, silence detection and periodic work of the overlay. To be called every 100 ms or so.
 */
export class OverlayTimers {
  readonly #context: OverlayContext;
  readonly #transitions: LegTransitions;
  readonly #endings: EndingQueue;
  #sweptAt: number;

  constructor(context: OverlayContext, transitions: LegTransitions, endings: EndingQueue) {
    this.#context = context;
    this.#transitions = transitions;
    this.#endings = endings;
    this.#sweptAt = context.clock.monotonic();
  }

  /**
   * Does what is due, within bounds.
   * @returns whether work is left for `goOn`
   */
  tick(): boolean {
    const { clock, legs, offers, silence, log } = this.#context;
    const now = clock.monotonic();
    const more = this.goOn();
    this.#endings.endAll(silence.tick(), 'closed_silent');
    log.tick();
    if (now - this.#sweptAt < SWEEP_MS) return more || this.#endings.more;
    this.#sweptAt = now;
    legs.sweep(now);
    offers.expire(now);
    this.#context.sentOffers.expire();
    return more || this.#endings.more;
  }

  /**
   * Continues the work that is left, within bounds; messages should have their turn in between.
   * @returns whether work is left
   */
  goOn(): boolean {
    const { clock, legs, closes } = this.#context;
    const now = clock.monotonic();
    this.#endings.endSome();
    for (const leg of legs.due(now)) this.#due(leg, now);
    closes.repeatSome();
    return this.#endings.more || legs.moreDue || closes.moreDue;
  }

  #due(leg: Leg, now: number): void {
    const { state } = leg;
    switch (state.type) {
      case 'reserved':
        return this.#transitions.end(leg, 'closed_expired');
      case 'established':
        return this.#transitions.end(leg, 'closed_expired');
      case 'connecting': {
        const { attempt } = state;
        if (now >= attempt.deadline) {
          return this.#transitions.fail(leg, attempt, 'not-connected-in-time');
        }
        this.#context.sentOffers.send(leg, attempt);
        return this.#transitions.schedule(leg);
      }
      case 'closed':
        return;
    }
  }
}
