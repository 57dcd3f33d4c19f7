import { LIMITS } from '../limits.js';
import type { RemoteRelay } from '../trunk/remote-relay.js';
import type { Leg } from './leg.js';
import { NumberPool } from './number-pool.js';

/** The session indexes given to other relays, and the legs that theirs stand for. */
export class SessionIndexes {
  readonly #pool: NumberPool;
  readonly #byRemoteIndex = new Map<RemoteRelay, Map<number, Leg>>();

  /** @param sessionsMax - indexes are 0 to sessionsMax - 1 */
  constructor(sessionsMax: number) {
    this.#pool = new NumberPool({ first: 0, last: sessionsMax - 1 }, LIMITS.quarantineMs);
  }

  /** @returns an index of ours, or undefined when none is left */
  take(now: number): number | undefined {
    return this.#pool.take(now);
  }

  free(index: number, now: number): void {
    this.#pool.free(index, now);
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
