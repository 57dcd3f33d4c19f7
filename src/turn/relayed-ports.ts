import { type AddressFamily, familyOf } from '../address.js';
import { Fifo } from '../collections/fifo.js';
import type { RandomBytes } from '../random.js';
import { TURN_LIMITS } from './turn-limits.js';
import type { PortRange, RelayedAddress } from './turn-options.js';

/**
 * What an Allocate request wants of its port (RFC 8656 section 7.2): anything, an even port, or an
 * even port together with the next one.
 */
export type PortWish = 'any' | 'even' | 'pair';

/** Random picks for an even port before every port is looked at. */
const EVEN_PICKS = 16;

/**
 * The ports of one IP address for relayed transport addresses. A port is held by at most one
 * holder. It is chosen by the random source, so that nobody guesses the next one (CVE-2025-69217),
 * among the ports that have rested since they were freed. If none has, the one that has rested
 * longest is taken.
 */
export class RelayedPorts {
  readonly address: string;
  readonly advertised: string;
  readonly family: AddressFamily;
  readonly #range: PortRange;
  readonly #random: RandomBytes;
  readonly #own: ReadonlySet<number>;
  /** Ports that have rested, in no order. */
  readonly #rested: number[] = [];
  /** Index of a port in `#rested`, by offset from the first port; -1 if it is not there. */
  readonly #indexes: Int32Array;
  /** Freed ports, the longest rested first. */
  readonly #resting = new Fifo<number>();
  /** When each port was freed, monotonic ms, by offset from the first port. */
  readonly #freedAt: Float64Array;
  #held = 0;

  /** @param own - ports of the server's own sockets, which are never taken */
  constructor(
    { address, advertised }: RelayedAddress,
    range: PortRange,
    random: RandomBytes,
    own: ReadonlySet<number> = new Set(),
  ) {
    this.address = address;
    this.advertised = advertised;
    this.family = familyOf({ address, port: 0 });
    this.#range = range;
    this.#random = random;
    this.#own = own;
    const count = range.max - range.min + 1;
    this.#indexes = new Int32Array(count).fill(-1);
    this.#freedAt = new Float64Array(count);
    for (let port = range.min; port <= range.max; port += 1) {
      if (!own.has(port)) this.#putRested(port);
    }
  }

  /** Number of held ports. */
  get held(): number {
    return this.#held;
  }

  /** Whether every port is held. */
  get isUsedUp(): boolean {
    return this.#rested.length + this.#resting.size === 0;
  }

  /** Returns whether a port is one of the server's own sockets. */
  isOwn(port: number): boolean {
    return this.#own.has(port);
  }

  /** Returns whether a port of the range is held, by a holder or by the server's own sockets. */
  isHeld(port: number): boolean {
    const isRested = this.#indexes[port - this.#range.min] !== -1;
    return !isRested && !this.#resting.has(port);
  }

  /**
   * Takes a port, or for `pair` an even port together with the next one.
   * @param now - monotonic ms
   * @returns the port, the even one of a pair; undefined if there is none
   */
  take(wish: PortWish, now: number): number | undefined {
    this.#endRests(now);
    const port = wish === 'any' ? this.#any() : this.#even(wish);
    if (port === undefined) return undefined;
    this.#hold(port);
    if (wish === 'pair') this.#hold(port + 1);
    return port;
  }

  /**
   * Frees a port, which then rests.
   * @param now - monotonic ms
   */
  free(port: number, now: number): void {
    this.#held -= 1;
    this.#freedAt[port - this.#range.min] = now;
    this.#resting.add(port);
  }

  /** Frees a port that was never bound, so that it need not rest. */
  putBack(port: number): void {
    this.#held -= 1;
    this.#putRested(port);
  }

  #any(): number | undefined {
    return this.#pick() ?? this.#resting.first();
  }

  #even(wish: PortWish): number | undefined {
    const suits = (port: number) =>
      port % 2 === 0 && (wish === 'even' || (port < this.#range.max && !this.isHeld(port + 1)));
    for (let picks = 0; picks < EVEN_PICKS && this.#rested.length > 0; picks += 1) {
      const port = this.#pick() as number;
      if (suits(port)) return port;
    }
    const rested = this.#rested.filter(suits);
    if (rested.length > 0) return rested[this.#below(rested.length)];
    for (const port of this.#resting) if (suits(port)) return port;
    return undefined;
  }

  /** Returns a random port that has rested. */
  #pick(): number | undefined {
    return this.#rested.length === 0 ? undefined : this.#rested[this.#below(this.#rested.length)];
  }

  /** Returns a random whole number below `end`, at most 65,536; its bias is below 2^-16. */
  #below(end: number): number {
    const [a = 0, b = 0, c = 0, d = 0] = this.#random(4);
    return (((a << 24) | (b << 16) | (c << 8) | d) >>> 0) % end;
  }

  #hold(port: number): void {
    this.#held += 1;
    if (this.#resting.delete(port)) return;
    const index = this.#indexes[port - this.#range.min] as number;
    const last = this.#rested.pop() as number;
    if (last !== port) {
      this.#rested[index] = last;
      this.#indexes[last - this.#range.min] = index;
    }
    this.#indexes[port - this.#range.min] = -1;
  }

  #putRested(port: number): void {
    this.#indexes[port - this.#range.min] = this.#rested.length;
    this.#rested.push(port);
  }

  #endRests(now: number): void {
    for (;;) {
      const port = this.#resting.first();
      if (port === undefined) return;
      const freedAt = this.#freedAt[port - this.#range.min] as number;
      if (now - freedAt < TURN_LIMITS.portRestMs) return;
      this.#resting.delete(port);
      this.#putRested(port);
    }
  }
}
