import type { PathMtuDiscovery } from './path-mtu-discovery.js';

/** Time for which a longer datagram size must hold before it is recommended to peers. */
export const MTU_GROWTH_MS = 3_000;

/**
 * The datagram size recommended to peers, in bytes of UDP payload. It follows the size of the path
 * in use, which may change often during a search. A smaller size, and the first measured one, take
 * effect at once. A larger one takes effect after `MTU_GROWTH_MS`, as the smallest seen in that
 * time.
 */
export class DampedPathMtu {
  #bytes: number | undefined;
  #measured = false;
  /** The smallest larger size since growth began. */
  #growing: { readonly since: number; bytes: number } | undefined;

  /** The recommended size, bytes of UDP payload; undefined before the first `take`. */
  get bytes(): number | undefined {
    return this.#bytes;
  }

  /**
   * Takes the present size of the path in use.
   * @param now - monotonic ms
   */
  take({ bytes, measured }: Pick<PathMtuDiscovery, 'bytes' | 'measured'>, now: number): void {
    const isFirst = measured && !this.#measured;
    this.#measured ||= measured;
    if (this.#bytes === undefined || isFirst || bytes <= this.#bytes) {
      this.#bytes = bytes;
      this.#growing = undefined;
      return;
    }
    this.#growing ??= { since: now, bytes };
    this.#growing.bytes = Math.min(this.#growing.bytes, bytes);
    if (now - this.#growing.since < MTU_GROWTH_MS) return;
    this.#bytes = this.#growing.bytes;
    this.#growing = undefined;
  }
}
