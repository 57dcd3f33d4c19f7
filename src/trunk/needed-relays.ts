import type { DataPlane } from '../native/types.js';
import { Watcher, watchShareOf } from '../registry/watched-relays.js';
import type { RemoteRelay } from './remote-relay.js';

/**
 * Maximum other relays to which this one keeps keys, paths and an entry of the data plane. Of more,
 * those needed longest ago are given up.
 */
export const TRUNK_RELAYS_MAX = 2_048;
/**
 * Time without a need after which the paths to a relay that is not watched are given up, unless
 * records have crossed them: a removed entry of the data plane forgets which records it has seen.
 */
export const TRUNK_IDLE_MS = 600_000;
/** Relays not known to the data plane whose keys are tried in a second because they are heard. */
export const TRUNK_WAKES_PER_SECOND = 100;

/** Interval of looking for traffic of relays, ms. */
const LOOK_MS = 10_000;

/** Dependencies of `NeededRelays`. */
export interface NeededRelaysOptions {
  /** This relay's id. */
  readonly id: string;
  readonly plane: Pick<DataPlane, 'remoteRelayTraffic'>;
  /** Returns whether something refers to a relay, so that it must stay. */
  readonly inUse: (remote: RemoteRelay) => boolean;
}

/**
 * Tells which relays this one keeps paths to: those that it watches, as all of a small registry,
 * and those that were needed lately.
 */
export class NeededRelays {
  readonly #options: NeededRelaysOptions;
  readonly #watcher: Watcher;
  #share = watchShareOf(0);
  #lookedAt = Number.NEGATIVE_INFINITY;
  /** Records sent and received when this was looked at last, by relay. */
  readonly #traffic = new WeakMap<RemoteRelay, number>();
  #second = -1;
  #wakes = 0;

  constructor(options: NeededRelaysOptions) {
    this.#options = options;
    this.#watcher = new Watcher(options.id);
  }

  /** The share of other relays that is watched, as `watchShareOf`. */
  get share(): number {
    return this.#share;
  }

  /** Takes the number of other relays. */
  resize(relays: number): void {
    this.#share = watchShareOf(relays);
  }

  /** Returns whether this relay watches another one. */
  watches(id: string): boolean {
    return this.#watcher.watches(id, this.#share);
  }

  /** Returns `watches` as it is once there are so many other relays. */
  watchedOf(relays: number): (id: string) => boolean {
    const share = watchShareOf(relays);
    return (id) => this.#watcher.watches(id, share);
  }

  /** Returns whether a relay's keys may be tried now because it is heard. */
  mayWake(now: number): boolean {
    const second = Math.floor(now / 1_000);
    if (second !== this.#second) this.#wakes = 0;
    this.#second = second;
    this.#wakes += 1;
    return this.#wakes <= TRUNK_WAKES_PER_SECOND;
  }

  /**
   * Returns the relays that are given up because nothing needs them.
   * @param now - monotonic ms
   */
  idle(relays: Iterable<RemoteRelay>, now: number): RemoteRelay[] {
    if (now - this.#lookedAt < LOOK_MS) return [];
    this.#lookedAt = now;
    const idle: RemoteRelay[] = [];
    for (const remote of relays) {
      const { plane } = this.#options;
      const { recordsSent, recordsReceived } = plane.remoteRelayTraffic(remote.relayIndex);
      const traffic = recordsSent + recordsReceived;
      if (this.#traffic.get(remote) !== traffic) remote.neededAt = now;
      this.#traffic.set(remote, traffic);
      if (traffic > 0 || now - remote.neededAt < TRUNK_IDLE_MS) continue;
      if (this.#isFree(remote)) idle.push(remote);
    }
    return idle;
  }

  /** Returns the relay that is given up for another one; undefined if all must stay. */
  leastNeeded(relays: Iterable<RemoteRelay>): RemoteRelay | undefined {
    let least: RemoteRelay | undefined;
    for (const remote of relays) {
      if (least !== undefined && !this.#isLess(remote, least)) continue;
      if (this.#isFree(remote)) least = remote;
    }
    return least;
  }

  /** Those without records first, then those needed longest ago. */
  #isLess(a: RemoteRelay, b: RemoteRelay): boolean {
    const [ofA, ofB] = [a, b].map((remote) => Number((this.#traffic.get(remote) ?? 0) > 0));
    return ofA === ofB ? a.neededAt < b.neededAt : Number(ofA) < Number(ofB);
  }

  #isFree(remote: RemoteRelay): boolean {
    return !this.watches(remote.id) && !this.#options.inUse(remote);
  }
}
