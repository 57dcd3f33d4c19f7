import type { PathMtuDiscovery } from './path-mtu-discovery.js';

/** Peers are advised to send longer datagrams when those have passed for so long. */
export const MTU_GROWTH_MS = 3_000;

/**
 * The datagram size that peers are advised by, in bytes of UDP payload: that of the path in use,
 * which may change many times while a longer one is searched. A smaller one counts at once, a
 * longer one when nothing smaller was found for `MTU_GROWTH_MS`.
 */
export class DampedPathMtu {
  #bytes: number | undefined;
  #measured = false;
  /** The smallest since it could grow. */
  #growing: { readonly since: number; bytes: number } | undefined;

  /** Undefined before the first look. */
  get bytes(): number | undefined {
    return this.#bytes;
  }

  /** Looks at the path in use. */
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
