import { mixed, textHash } from '../collections/hash.js';

/** Relays up to which every relay watches every other: keeps paths to it and probes them. */
export const RELAYS_WATCHED_MAX = 1_024;
/** Relays that a relay watches in a larger registry, about: this many, or down to half of them. */
export const RELAYS_WATCHED_OF_MANY = 256;
/** The share of a relay that watches all others. */
export const WATCH_ALL = 2 ** 32;

/**
 * Returns the share of other relays that a relay watches, times 2^32. It halves when their number
 * passes a power of two, so that few relays begin or end to be watched as others come and go.
 * @param relays - number of other relays
 */
export function watchShareOf(relays: number): number {
  if (relays <= RELAYS_WATCHED_MAX) return WATCH_ALL;
  return Math.floor((WATCH_ALL * RELAYS_WATCHED_OF_MANY) / 2 ** Math.ceil(Math.log2(relays)));
}

/**
 * Returns whether two relays watch each other: the same for both, by the hashes of their ids.
 * @param a - `textHash` of the id of one
 * @param b - `textHash` of that of the other
 * @param share - as `watchShareOf`
 */
export function isWatched(a: number, b: number, share: number): boolean {
  if (share >= WATCH_ALL) return true;
  return mixed(a ^ b) < share;
}

/** `isWatched` of a relay and each of many others. */
export class Watcher {
  readonly #hash: number;

  constructor(id: string) {
    this.#hash = textHash(id);
  }

  /** Returns whether it watches a relay. */
  watches(id: string, share: number): boolean {
    return isWatched(this.#hash, textHash(id), share);
  }
}
