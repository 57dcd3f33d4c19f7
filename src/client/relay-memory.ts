import type { Clock } from '../clock.js';
import { LIMITS } from '../limits.js';

/** Ends after which the same pair of relays would likely do no better, if they repeat. */
const SUSPECT: ReadonlySet<string | undefined> = new Set(['other-relay-gone', 'other-side-silent']);

/** How many of those, within LIMITS.detourMs of each other, make a relay one to avoid. */
const REPEATED = 2;

/**
 * Relays at which connection after connection was lost to the other side's relay or silence, so
 * that the next one is made elsewhere: at most LIMITS.avoidedRelaysMax, each for LIMITS.detourMs
 * after its last loss.
 */
export class RelayMemory {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #losses = new Map<string, { times: number; atMs: number }>();

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  /** A connection by the relay ended. @param reason - as of the error of its 'close' event */
  noteLoss(id: string, reason: string | undefined): void {
    this.#forgetOld();
    if (!SUSPECT.has(reason)) return;
    const times = (this.#losses.get(id)?.times ?? 0) + 1;
    this.#losses.delete(id);
    this.#losses.set(id, { times, atMs: this.#clock.monotonic() });
    const [oldest] = this.#losses.keys();
    if (this.#losses.size > LIMITS.avoidedRelaysMax && oldest !== undefined) {
      this.#losses.delete(oldest);
    }
  }

  /** Those to avoid now. */
  get ids(): readonly string[] {
    this.#forgetOld();
    return [...this.#losses].filter(([, { times }]) => times >= REPEATED).map(([id]) => id);
  }

  #forgetOld(): void {
    const sinceMs = this.#clock.monotonic() - LIMITS.detourMs;
    for (const [id, { atMs }] of this.#losses) if (atMs < sinceMs) this.#losses.delete(id);
  }
}
