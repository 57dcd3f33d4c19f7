import { NumberPool } from '../collections/number-pool.js';
import type { RemoteRelay } from '../trunk/remote-relay.js';
import type { Leg } from './leg.js';
import { OVERLAY_LIMITS } from './overlay-limits.js';

/**
 * Session indexes given to other relays, and the legs of those received from them. The high bits of
 * an index count the uses of its slot: so neither a recorded close by index nor a late record
 * reaches a later use of the slot.
 */
export class SessionIndexes {
  readonly #pool: NumberPool;
  readonly #slots: number;
  readonly #uses: Uint32Array;
  readonly #byRemoteIndex = new Map<RemoteRelay, Map<number, Leg>>();

  /** @param sessionsMax - number of the data plane's session indexes */
  constructor(sessionsMax: number) {
    this.#slots = 2 ** Math.ceil(Math.log2(sessionsMax));
    this.#uses = new Uint32Array(sessionsMax);
    const { quarantineMs } = OVERLAY_LIMITS;
    this.#pool = new NumberPool({ first: 0, last: sessionsMax - 1, quarantineMs });
  }

  /** Takes a session index. @returns undefined if none is left */
  take(now: number): number | undefined {
    const slot = this.#pool.take(now);
    if (slot === undefined) return undefined;
    const uses = this.#uses[slot] as number;
    this.#uses[slot] = (uses + 1) % (2 ** 32 / this.#slots);
    return uses * this.#slots + slot;
  }

  /** Frees an index, into quarantine. */
  free(index: number, now: number): void {
    this.#pool.free(index % this.#slots, now);
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
