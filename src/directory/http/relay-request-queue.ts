import type { Clock } from '../../clock.js';

/** Of so many turns a stranger has one while any wait, and relays the others. */
const TURNS_A_STRANGER = 4;

interface Waiting {
  readonly sinceMs: number;
  readonly isGone: () => boolean;
  readonly go: () => void;
}

/**
 * Where relays' requests wait for their turn. Peers' requests do not: in each round of the event
 * loop all of those that have come are served, and then one of the relays', so that a thousand
 * relays that start together do not keep a peer waiting. It is one because a round also accepts but
 * one connection: where rounds are long, connections wait.
 *
 * A connection that has carried a relay's genuine request is a relay's. What comes on others may be
 * anybody's: their sources take turns, so that one that asks much waits for itself.
 */
export class RelayRequestQueue {
  readonly #clock: Clock;
  readonly #relays: Waiting[] = [];
  readonly #strangers = new Map<string, Waiting[]>();
  #strangersWaiting = 0;
  #scheduled = false;
  #turn = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Requests that wait. */
  get size(): number {
    return this.#relays.length + this.#strangersWaiting;
  }

  /**
   * Waits for a turn, a round at least.
   * @param stranger - the source of a connection that has not proved to be a relay's
   * @param isGone - whether the other end has given up: then it takes nobody's turn
   */
  take(stranger: string | undefined, isGone: () => boolean): Promise<void> {
    return new Promise((go) => {
      const waiting = { sinceMs: this.#clock.monotonic(), isGone, go };
      if (stranger === undefined) this.#relays.push(waiting);
      else this.#queueOf(stranger).push(waiting);
      if (stranger !== undefined) this.#strangersWaiting += 1;
      this.#schedule();
    });
  }

  /** Since when the longest waiting request of a relay waits, by the monotonic clock. */
  heardUntilMs(): number {
    return this.#relays[0]?.sinceMs ?? this.#clock.monotonic();
  }

  #queueOf(stranger: string): Waiting[] {
    const known = this.#strangers.get(stranger);
    if (known !== undefined) return known;
    const queue: Waiting[] = [];
    this.#strangers.set(stranger, queue);
    return queue;
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
    this.#turn = (this.#turn + 1) % TURNS_A_STRANGER;
    const strangerFirst = this.#turn === 0;
    if (strangerFirst && this.#releaseStranger()) return;
    if (release(this.#relays) === 0 && !strangerFirst) this.#releaseStranger();
  }

  /** @returns whether a request went */
  #releaseStranger(): boolean {
    for (const [source, queue] of this.#strangers) {
      const before = queue.length;
      const released = release(queue);
      this.#strangersWaiting -= before - queue.length;
      // Its next turn comes after those of the others.
      this.#strangers.delete(source);
      if (queue.length > 0) this.#strangers.set(source, queue);
      if (released > 0) return true;
    }
    return false;
  }
}

/** Lets those that are gone go, and then one more. @returns how many of the latter: 1 or 0 */
function release(queue: Waiting[]): number {
  const at = queue.findIndex(({ isGone }) => !isGone());
  const released = queue.splice(0, at === -1 ? queue.length : at + 1);
  for (const { go } of released) go();
  return at === -1 ? 0 : 1;
}
