import type { Clock } from '../../units.js';

/** What a request waits for: a beat keeps a relay alive, a registration begins one. */
export type TurnKind = 'beat' | 'registration';

/** Of so many turns a registration has one while any wait, and beats the others. */
const TURNS_A_REGISTRATION = 4;

interface Waiting {
  readonly sinceMs: number;
  readonly isGone: () => boolean;
  readonly go: () => void;
}

/**
 * Where relays' requests wait for their turn. Peers' requests do not: in each round of the event
 * loop all of those that have come are served, and then one of the relays', so that a thousand
 * relays that start together do not keep a peer waiting. It is one because a round also accepts but
 * one connection: where rounds are long, connections wait. A relay has one request under way at a
 * time, so the queues are as long as there are connections of relays.
 */
export class RelayTurns {
  readonly #clock: Clock;
  readonly #beats: Waiting[] = [];
  readonly #registrations: Waiting[] = [];
  #scheduled = false;
  #turn = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Requests that wait. */
  get size(): number {
    return this.#beats.length + this.#registrations.length;
  }

  /**
   * Waits for a turn, a round at least.
   * @param isGone - whether the relay has given up: then it takes nobody's turn
   */
  take(kind: TurnKind, isGone: () => boolean): Promise<void> {
    return new Promise((go) => {
      const queue = kind === 'beat' ? this.#beats : this.#registrations;
      queue.push({ sinceMs: this.#clock.monotonic(), isGone, go });
      this.#schedule();
    });
  }

  /** Since when the longest waiting request waits, by the monotonic clock; now if none does. */
  heardUntilMs(): number {
    const waiting = [this.#beats[0], this.#registrations[0]];
    const since = waiting.map((one) => one?.sinceMs ?? this.#clock.monotonic());
    return Math.min(...since);
  }

  #schedule(): void {
    if (this.#scheduled || this.size === 0) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#round();
      this.#schedule();
    });
  }

  #round(): void {
    this.#turn = (this.#turn + 1) % TURNS_A_REGISTRATION;
    const [first, second] = [this.#beats, this.#registrations];
    if (this.#turn === 0) release(second) || release(first);
    else release(first) || release(second);
  }
}

/** Lets those that are gone go, and then one more. @returns whether there was one */
function release(queue: Waiting[]): boolean {
  const at = queue.findIndex(({ isGone }) => !isGone());
  const released = queue.splice(0, at === -1 ? queue.length : at + 1);
  for (const { go } of released) go();
  return at !== -1;
}
