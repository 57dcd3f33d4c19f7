import { HalfSipHash } from './half-sip-hash.js';

const IPV6_GROUPS = 8;

/**
 * Hashes what counts as one source, an IPv4 address or an IPv6 /64, or one port of it, under a
 * secret key: tables of fixed size place sources by it, and nobody can aim at another's place.
 */
export class SourceHash {
  readonly #hash: HalfSipHash;
  readonly #groups = new Uint16Array(IPV6_GROUPS);

  /** @param key - 8 bytes */
  constructor(key: Uint8Array) {
    this.#hash = new HalfSipHash(key);
  }

  /** The two words of the newest hash. */
  get low(): number {
    return this.#hash.low;
  }

  get high(): number {
    return this.#hash.high;
  }

  /**
   * Hashes a source into `low` and `high`.
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

/** The eight groups of canonical IPv6 text (lower case, no zone), without making strings. */
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
      // The text starts with the gap when there is no group before it.
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
