import { NumberPool } from '../collections/number-pool.js';
import type { RemoteRelay } from '../trunk/remote-relay.js';
import type { Leg } from './leg.js';
import { LEG_LIMITS } from './leg-limits.js';

/**
 * The session indexes given to other relays, and the legs that theirs stand for. The high bits of
 * an index count the uses of its place in the table: a close by index that somebody recorded finds
 * nothing when the place is used again, nor does a record that was long under way.
 */
export class SessionIndexes {
  readonly #pool: NumberPool;
  readonly #places: number;
  readonly #uses: Uint32Array;
  readonly #byRemoteIndex = new Map<RemoteRelay, Map<number, Leg>>();

  /** @param sessionsMax - of the data plane */
  constructor(sessionsMax: number) {
    this.#places = 2 ** Math.ceil(Math.log2(sessionsMax));
    this.#uses = new Uint32Array(sessionsMax);
    const { quarantineMs } = LEG_LIMITS;
    this.#pool = new NumberPool({ first: 0, last: sessionsMax - 1, quarantineMs });
  }

  /** @returns an index of ours, or undefined when none is left */
  take(now: number): number | undefined {
    const place = this.#pool.take(now);
    if (place === undefined) return undefined;
    const uses = this.#uses[place] as number;
    this.#uses[place] = (uses + 1) % (2 ** 32 / this.#places);
    return uses * this.#places + place;
  }

  free(index: number, now: number): void {
    this.#pool.free(index % this.#places, now);
  }

  /** Remembers which leg writes the given index into what it sends to the other relay. */
  linkRemote(remote: RemoteRelay, remoteIndex: number, leg: Leg): void {
    const legs = this.#byRemoteIndex.get(remote);
    if (legs) legs.set(remoteIndex, leg);
    else this.#byRemoteIndex.set(remote, new Map([[remoteIndex, leg]]));
  }

  unlinkRemote(remote: RemoteRelay, remoteIndex: number): void {
    const legs = this.#byRemoteIndex.get(remote);
    legs?.delete(remoteIndex);
    if (legs?.size === 0) this.#byRemoteIndex.delete(remote);
  }

  /** The leg that writes the given index of the other relay's. */
  byRemoteIndex(remote: RemoteRelay, remoteIndex: number): Leg | undefined {
    return this.#byRemoteIndex.get(remote)?.get(remoteIndex);
  }
}
