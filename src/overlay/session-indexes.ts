import type { RemoteRelay } from '../trunk/remote-relay.js';
import type { SessionIndexPool } from '../trunk/session-index-pool.js';
import type { Leg } from './leg.js';

/** Session indexes given to other relays, and the legs of those received from them. */
export class SessionIndexes {
  readonly #pool: SessionIndexPool;
  readonly #byRemoteIndex = new Map<RemoteRelay, Map<number, Leg>>();

  constructor(pool: SessionIndexPool) {
    this.#pool = pool;
  }

  /** Takes a session index. @returns undefined if none is left */
  take(now: number): number | undefined {
    return this.#pool.take(now);
  }

  /** Frees an index, into quarantine. */
  free(index: number, now: number): void {
    this.#pool.free(index, now);
  }

  /** Maps another relay's index to the leg that writes it into its records. */
  linkRemote(remote: RemoteRelay, remoteIndex: number, leg: Leg): void {
    const legs = this.#byRemoteIndex.get(remote);
    if (legs) legs.set(remoteIndex, leg);
    else this.#byRemoteIndex.set(remote, new Map([[remoteIndex, leg]]));
  }

  /** Removes the mapping of another relay's index. */
  unlinkRemote(remote: RemoteRelay, remoteIndex: number): void {
    const legs = this.#byRemoteIndex.get(remote);
    legs?.delete(remoteIndex);
    if (legs?.size === 0) this.#byRemoteIndex.delete(remote);
  }

  /** Returns the leg that writes the given index of another relay. */
  byRemoteIndex(remote: RemoteRelay, remoteIndex: number): Leg | undefined {
    return this.#byRemoteIndex.get(remote)?.get(remoteIndex);
  }
}
