import type { OverlayContext } from './context.js';
import type { Leg } from './leg.js';
import type { LegLife } from './leg-life.js';
import type { SentOffers } from './sent-offers.js';

/** How often 5-tuples and forgotten transactions are looked through. */
const SWEEP_MS = 5_000;

/** What happens by itself as time passes; called every 100 ms or so. */
export class LegTimers {
  readonly #context: OverlayContext;
  readonly #life: LegLife;
  readonly #outgoing: SentOffers;
  #sweptAt: number;

  constructor(context: OverlayContext, life: LegLife, outgoing: SentOffers) {
    this.#context = context;
    this.#life = life;
    this.#outgoing = outgoing;
    this.#sweptAt = context.clock.monotonic();
  }

  /**
   * Does what is due. Where very much is due at once it does a part.
   * @returns whether there is more, for `goOn`
   */
  tick(): boolean {
    const { clock, legs, trunk, offers, silence, log } = this.#context;
    const now = clock.monotonic();
    const more = this.goOn();
    trunk.tick();
    this.#life.endAll(silence.tick(), 'closed_silent');
    log.tick();
    if (now - this.#sweptAt < SWEEP_MS) return more || this.#life.moreToEnd;
    this.#sweptAt = now;
    legs.sweep(now);
    offers.expire(now);
    this.#outgoing.expire();
    return more || this.#life.moreToEnd;
  }

  /**
   * Does the next part of what is due; messages should have their turn in between.
   * @returns whether there is more
   */
  goOn(): boolean {
    const { clock, legs, closes } = this.#context;
    const now = clock.monotonic();
    this.#life.endSome();
    for (const leg of legs.due(now)) this.#due(leg, now);
    closes.repeatSome();
    return this.#life.moreToEnd || legs.moreDue || closes.moreDue;
  }

  #due(leg: Leg, now: number): void {
    const { state } = leg;
    switch (state.type) {
      case 'reserved':
        return this.#life.end(leg, 'closed_expired');
      case 'established':
        return this.#life.end(leg, 'closed_expired');
      case 'connecting': {
        const { attempt } = state;
        if (now >= attempt.deadline) {
          return this.#life.failAttempt(leg, attempt, 'not-connected-in-time');
        }
        this.#outgoing.send(leg, attempt);
        return this.#life.schedule(leg);
      }
      case 'closed':
        return;
    }
  }
}
