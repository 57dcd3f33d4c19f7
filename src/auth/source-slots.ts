import { HalfSipHash } from './half-sip-hash.js';

const IPV6_GROUPS = 8;

/**
 * Locates a source (an IPv4 address or an IPv6 /64, or one port of it) in a table of fixed size. It
 * has one slot in each half, by a keyed hash, so that nobody can aim at another source's slots.
 */
export class SourceSlots {
  readonly #hash: HalfSipHash;
  readonly #groups = new Uint16Array(IPV6_GROUPS);
  readonly #half: number;

  /**
   * @param key - 8 bytes
   * @param most - number of slots, at least 2
   */
  constructor(key: Uint8Array, most: number) {
    this.#hash = new HalfSipHash(key);
    this.#half = Math.floor(most / 2);
  }

  /** Number of slots, even. */
  get size(): number {
    return this.#half * 2;
  }

  /** The slot in the first half of the source that was located last. */
  get first(): number {
    return this.#hash.low % this.#half;
  }

  /** The slot in the second half of the source that was located last. */
  get second(): number {
    return this.#half + (this.#hash.high % this.#half);
  }

  /**
   * Locates a source.
   * @param ip - canonical address (address.ts)
   * @param port - 0 for the source as a whole
   */
  locate(ip: string, port: number): void {
    if (!ip.includes(':')) {
      this.#hash.hash((port << 8) | 4, ipv4Word(ip), 0);
      return;
    }
    parseGroups(ip, this.#groups);
    const [a, b, c, d] = this.#groups as unknown as [number, number, number, number];
    this.#hash.hash((port << 8) | 6, (a << 16) | b, (c << 16) | d);
  }
}

const DOT = 0x2e;
const COLON = 0x3a;
const DIGIT_ZERO = 0x30;
const LETTER_A = 0x61;

function ipv4Word(ip: string): number {
  let word = 0;
  let octet = 0;
  for (let i = 0; i < ip.length; i += 1) {
    const character = ip.charCodeAt(i);
    if (character === DOT) {
      word = (word << 8) | octet;
      octet = 0;
    } else {
      octet = octet * 10 + (character - DIGIT_ZERO);
    }
  }
  return (word << 8) | octet;
}

/**
 * Parses the eight groups of canonical IPv6 text (lower case, no zone) without creating strings.
 */
function parseGroups(ip: string, groups: Uint16Array): void {
  groups.fill(0);
  let index = 0;
  let gapStart = -1;
  for (let i = 0; i < ip.length; i += 1) {
    const character = ip.charCodeAt(i);
    if (character !== COLON) {
      const digit = character >= LETTER_A ? character - LETTER_A + 10 : character - DIGIT_ZERO;
      groups[index] = ((groups[index] as number) << 4) | digit;
    } else if (ip.charCodeAt(i + 1) !== COLON) {
      index += 1;
    } else {
      // A gap at the start has no group before it.
      gapStart = i === 0 ? 0 : index + 1;
      index = gapStart;
      i += 1;
    }
  }
  if (gapStart < 0) return;
  const after = index + 1 - gapStart;
  groups.copyWithin(IPV6_GROUPS - after, gapStart, gapStart + after);
  groups.fill(0, gapStart, IPV6_GROUPS - after);
}
