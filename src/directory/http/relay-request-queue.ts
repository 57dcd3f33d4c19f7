import type { Clock } from '../../clock.js';

/** One of this many turns goes to a stranger's request if one waits; relays have the others. */
const TURNS_A_STRANGER = 4;

interface Waiting {
  readonly sinceMs: number;
  readonly isGone: () => boolean;
  readonly go: () => void;
}

/**
 * Queue of relays' requests. At most one is served in a round of the event loop, after the peers'
 * requests of that round, so that a thousand relays that start together do not delay peers. It is
 * one because Node also accepts only one connection in a round: longer rounds would delay new
 * connections.
 *
 * A connection that carried a genuine signed request counts as a relay's. Requests on other
 * connections are strangers'. Strangers' sources take turns, so that a source with many requests
 * delays only itself.
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

  /** Number of requests that wait. */
  get size(): number {
    return this.#relays.length + this.#strangersWaiting;
  }

  /**
   * Waits for the request's turn, at least until the next round.
   * @param stranger - the source of a connection that has not carried a genuine request; undefined
   *   for a relay's
   * @param isGone - whether the client has disconnected: then the request takes no turn
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

  /**
   * Returns the time at which the first waiting request of a relay came, or else now; monotonic ms.
   */
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

  /**
   * Releases one stranger's request.
   * @returns whether a request was released
   */
  #releaseStranger(): boolean {
    for (const [source, queue] of this.#strangers) {
      const before = queue.length;
      const released = release(queue);
      this.#strangersWaiting -= before - queue.length;
      // Its source goes to the end of the round robin.
      this.#strangers.delete(source);
      if (queue.length > 0) this.#strangers.set(source, queue);
      if (released > 0) return true;
    }
    return false;
  }
}

/**
 * Releases the requests in front whose clients are gone, and the first other one.
 * @returns 1 if a request of a present client was released, else 0
 */
function release(queue: Waiting[]): number {
  const at = queue.findIndex(({ isGone }) => !isGone());
  const released = queue.splice(0, at === -1 ? queue.length : at + 1);
  for (const { go } of released) go();
  return at === -1 ? 0 : 1;
}
