import type { TurnPrincipal } from '../auth/turn-principal.js';
import { isTurnpikeError } from '../errors.js';
import { DATA_PLANE_LIMITS } from '../native/interface.js';
import type { TurnPlane } from './turn-options.js';

/** The bucket of a user who has allocations. */
interface UserBucket {
  readonly bucket: number;
  allocations: number;
}

/**
 * The buckets of the data plane that bound the users' bandwidth. A user, as quotas count it, has
 * one from its first allocation to the end of its last, also while no bound is set, so that one
 * which is set later holds for all.
 */
export class UserBandwidth {
  readonly #plane: Pick<TurnPlane, 'setBandwidth'>;
  readonly #users = new Map<string, UserBucket>();
  readonly #freed: number[] = [];
  /** The lowest bucket that no user has had. */
  #next = 1;
  #bytesPerSecond: number;

  /** @param bytesPerSecond - of each user, payloads of both directions; 0: no bound */
  constructor(plane: Pick<TurnPlane, 'setBandwidth'>, bytesPerSecond: number) {
    this.#plane = plane;
    this.#bytesPerSecond = bytesPerSecond;
  }

  /** Number of users with a bucket. */
  get users(): number {
    return this.#users.size;
  }

  /**
   * Notes a further allocation of a user.
   * @returns the number of the user's bucket; undefined if all are in use
   */
  hold({ user }: Pick<TurnPrincipal, 'user'>): number | undefined {
    const known = this.#users.get(user);
    if (known !== undefined) {
      known.allocations += 1;
      return known.bucket;
    }
    const bucket = this.#freed.pop() ?? this.#unused();
    if (bucket === undefined) return undefined;
    this.#users.set(user, { bucket, allocations: 1 });
    if (this.#bytesPerSecond > 0) this.#set(bucket, this.#bytesPerSecond);
    return bucket;
  }

  /** Notes the end of an allocation of a user. Another user may have the bucket after the last. */
  release(user: string): void {
    const held = this.#users.get(user);
    if (held === undefined) return;
    held.allocations -= 1;
    if (held.allocations > 0) return;
    this.#users.delete(user);
    this.#freed.push(held.bucket);
    this.#set(held.bucket, 0);
  }

  /** Sets the bytes per second of every user; 0: no bound. */
  setRate(bytesPerSecond: number): void {
    this.#bytesPerSecond = bytesPerSecond;
    for (const { bucket } of this.#users.values()) this.#set(bucket, bytesPerSecond);
  }

  #unused(): number | undefined {
    if (this.#next > DATA_PLANE_LIMITS.bandwidthBucketsMax) return undefined;
    this.#next += 1;
    return this.#next - 1;
  }

  /** Sets the rate of a bucket; does nothing after the data plane was closed. */
  #set(bucket: number, bytesPerSecond: number): void {
    try {
      this.#plane.setBandwidth(bucket, bytesPerSecond);
    } catch (error) {
      if (!isTurnpikeError(error, 'ERR_TURNPIKE_CLOSED')) throw error;
    }
  }
}
